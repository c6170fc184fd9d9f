import { readFile, readdir } from 'node:fs/promises';

import { describe, expect, it } from 'vitest';

import { loadCommands } from '../../src/chat/command/load-commands.ts';
import { readArguments } from '../../src/chat/command/read-arguments.ts';
import { createRegistry } from '../../src/chat/command/registry.ts';
import { tokenize } from '../../src/chat/reading/tokenize.ts';
import { readInitOptions } from '../../src/cli/init/options.ts';
import { readMatching } from '../../src/operations/parse/matching.ts';

const registry = createRegistry(await loadCommands());
const now = Date.UTC(2026, 11, 5);
const context = { homeservers: [], serverName: 'example.com', now, prefix: '!' };

describe.each([
  'docs/getting-started.md',
  'docs/coming-from.md',
  'docs/many-accounts.md',
  'docs/rooms.md',
])('%s', (page) => {
  it('has commands that the bot understands', async () => {
    const text = await readFile(page, 'utf8');
    const lines = [...text.matchAll(/`!([a-z][^`]*)`|^!(.+)$/gmu)].map(
      ([, inline, line = '']) => inline ?? line,
    );
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.flatMap(problemsOf)).toEqual([]);
  });
});

it('docs/many-accounts.md has flags that the bot understands', async () => {
  const text = await readFile('docs/many-accounts.md', 'utf8');
  const flags = [...text.matchAll(/`(--[a-z]+ [^`]+)`/gu)].map(([, flag = '']) => flag);
  expect(flags.length).toBeGreaterThan(8);
  expect(flags.flatMap((flag) => problemsOf(`lock @mallory:example.com ${flag}`))).toEqual([]);
});

function problemsOf(line: string): string[] {
  const [name, ...tokens] = tokenize(line);
  const command = registry.find(name?.text ?? '');
  if (command === undefined) {
    return [`${line}: unknown`];
  }
  if (tokens.length === 0) {
    // In a sentence, `!undo` is only a name.
    return [];
  }
  try {
    const { matching } = readArguments(command, tokens, context);
    if (matching !== undefined) {
      readMatching({ registry, settings: context, now: () => now }, matching);
    }
    return [];
  } catch (error) {
    return [`${line}: ${String(error)}`];
  }
}

it('docs/getting-started.md has a line for init that the program understands', async () => {
  const text = await readFile('docs/getting-started.md', 'utf8');
  const line = /^npm run --silent lawspeaker -- init (.+)$/mu.exec(text)?.[1] ?? '';
  expect(readInitOptions(line.split(' '), {})).toMatchObject({
    homeserver: 'https://matrix.example.com',
    adminUser: 'ana',
    moderators: ['@ben:example.com'],
  });
});

it('docs/running.md has the names of check-config', async () => {
  const [text, source] = await Promise.all([
    readFile('docs/running.md', 'utf8'),
    readFile('src/cli/check-config/check.ts', 'utf8'),
  ]);
  const section = /^## Check the configuration\n[^]*?(?=^## )/mu.exec(text)?.[0] ?? '';
  const documented = [...section.matchAll(/^\| `([a-z-]+)`/gmu)].map(([, name]) => name);
  expect(documented).toEqual(
    [...source.matchAll(/^ {2}\| '([a-z-]+)'/gmu)].map(([, name]) => name),
  );
  expect(documented).toHaveLength(14);
});

describe('docs/troubleshooting.md', () => {
  async function headings() {
    const text = await readFile('docs/troubleshooting.md', 'utf8');
    return [...text.matchAll(/^### (.+)$/gmu)].map(([, heading = '']) => heading);
  }

  async function sources(folder: string) {
    const files = (await readdir(folder, { recursive: true })).filter((file) =>
      file.endsWith('.ts'),
    );
    return Promise.all(files.map(async (file) => readFile(`${folder}/${file}`, 'utf8')));
  }

  it('has headings that the program says', async () => {
    const lines = (await sources('src')).join('\n').split('\n');
    const unknown = (await headings()).filter((heading) => {
      const parts = heading.split('…').map((part) => part.trim());
      return !lines.some((line) => holdsInOrder(line, parts));
    });
    expect(unknown).toEqual([]);
  });

  it('explains each fault of the connection', async () => {
    const known = await headings();
    const source = await readFile('src/homeserver/network-faults.ts', 'utf8');
    const texts = [...source.matchAll(/`([^`]*\{(?:origin|hostname|new URL)[^`]*)`/gu)].map(
      ([, text = '']) => text,
    );
    expect(texts.length).toBeGreaterThan(6);
    expect(texts.filter((text) => !isExplained(text, known))).toEqual([]);
  });

  it.each(['app', 'config', 'matrix', 'observability', 'store'])(
    'explains each error in the setup that src/%s/ names',
    async (folder) => {
      const known = await headings();
      const texts = (await sources(`src/${folder}`)).flatMap((source) =>
        [...source.matchAll(/new SetupError\(\s*(?:`([^`]+)`|'([^']+)')/gu)].map(
          ([, template, text]) => template ?? text ?? '',
        ),
      );
      expect(texts).not.toEqual([]);
      const missing = texts.filter((text) => !isExplained(text, known));
      // Its reasons have headings of their own.
      expect(missing.filter((text) => !text.startsWith('http.listen: '))).toEqual([]);
    },
  );
});

/** Whether one of the headings stands for this text of the source. */
function isExplained(text: string, known: readonly string[]): boolean {
  return known.some((heading) =>
    holdsInOrder(
      text,
      heading.split('…').map((part) => part.trim()),
    ),
  );
}

/** Whether a line of the source contains the fixed parts of a message, one after another. */
function holdsInOrder(line: string, parts: readonly string[]): boolean {
  let at = 0;
  return parts.every((part) => {
    const found = line.indexOf(part, at);
    at = found + part.length;
    return found !== -1;
  });
}
