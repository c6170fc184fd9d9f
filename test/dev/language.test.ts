import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';

import { expect, it } from 'vitest';

/** Constructions that read like a translation, and what a native speaker writes. */
const unnatural: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bwhere there (?:is|are) none\b/giu, 'if there is none'],
  [/\bis no flag\b/giu, '!deactivate has no flag --eraze'],
  [/\bso (?:many|long) (?:as|times)\b/giu, 'as many as, as long as, this many times'],
  [/\bno longer than it\b/giu, 'while'],
  [/\bis told aloud\b/giu, 'the room is told'],
  [/\bunder way\b/giu, 'in flight, running'],
];

const texts: string[] = ['README.md', 'CONTRIBUTING.md', 'config/example.yaml'];
for (const folder of ['src', 'docs', 'dev']) {
  for (const file of await readdir(folder, { recursive: true })) {
    if (/\.(?:ts|md|yaml)$/u.test(file)) {
      texts.push(path.join(folder, file));
    }
  }
}

it.each(unnatural)('no text says %s', async (pattern, instead) => {
  const found = await Promise.all(
    texts.map(async (file) => {
      // Comments and strings continue on the next line.
      const text = (await readFile(file, 'utf8')).replaceAll(/\s+(?:\*|\/\/)?\s*/gu, ' ');
      return [...text.matchAll(pattern)].map(
        ({ index }) => `${file}: …${text.slice(Math.max(0, index - 40), index + 40)}…`,
      );
    }),
  );
  expect(found.flat(), `write: ${instead}`).toEqual([]);
});
