import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { allowedImports } from '../../oxlint.config.ts';

const pages = readdirSync('docs').filter((file) => file.endsWith('.md'));
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  // `commands.md` is generated, and compared with what it is generated from. So is `configuration.md`, but
  // its links are written by hand.
  ...pages.filter((page) => page !== 'commands.md').map((page) => `docs/${page}`),
];

/** Placeholders, what you make yourself, and the files of the example. */
const notHere =
  /[A-Z]{3}|^config\/lawspeaker\.yaml$|^bench\/results|purge-media-cache|\/scratch\./u;

describe.each(documents)('%s', (name) => {
  it('names only files and folders that exist', async () => {
    const text = await readFile(name, 'utf8');
    const paths = [...text.matchAll(/(?:src|test|dev|docs|config|bench)\/[\w./-]*\w\/?/gu)].map(
      ([match]) => match,
    );
    const linked = [...text.matchAll(/\]\((?!https?:)([^)#]+)/gu)].map(([, target = '']) =>
      path.join(path.dirname(name), target),
    );
    const missing = [...paths, ...linked].filter(
      (file) => !existsSync(file) && !notHere.test(file),
    );
    expect(missing).toEqual([]);
  });

  it('links to headings that exist', async () => {
    const text = await readFile(name, 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/gu)];
    const broken = await Promise.all(
      links.map(async ([link, target = '', anchor = '']) => {
        const file = target === '' ? name : path.join(path.dirname(name), target);
        return (await anchorsIn(file)).includes(anchor) ? [] : [link];
      }),
    );
    expect(broken.flat()).toEqual([]);
  });
});

/** The names that GitHub gives the headings of a document. */
async function anchorsIn(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8');
  return [...text.matchAll(/^#+ (.+)$/gmu)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

it('another document links to each page', async () => {
  const texts = await Promise.all(documents.map(async (name) => readFile(name, 'utf8')));
  const linked = (page: string) => texts.some((text) => text.includes(`${page})`));
  expect(pages.filter((page) => !linked(page))).toEqual([]);
});

it('docs/design.md shows the folders and what the linter lets them import', async () => {
  const text = await readFile('docs/design.md', 'utf8');
  const rows = text.matchAll(/^\| `src\/(\w+)\/`\s*\|[^|]*\|([^|]*)\|$/gmu);
  const shown = [...rows].map(([, folder = '', imports = '']) => [folder, imports.trim()]);
  const all: Record<string, readonly string[] | undefined> = {
    cli: undefined,
    app: undefined,
    ...allowedImports,
  };
  const expected = Object.entries(all).map(([folder, imports]) => [
    folder,
    imports?.join(', ').replace(/^$/u, 'nothing') ?? 'everything',
  ]);
  expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(expected));
});
