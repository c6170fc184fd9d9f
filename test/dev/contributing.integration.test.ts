import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { homeserver } from '../support/homeserver.ts';

/** A tree like the project's, to which the example of CONTRIBUTING.md was added. */
let tree: string;
let added: string[];

beforeAll(async () => {
  tree = await mkdtemp(path.join(tmpdir(), 'lawspeaker-tree-'));
  for (const name of ['src', 'bench', 'dev', 'test', 'docs', 'config']) {
    await cp(name, path.join(tree, name), { recursive: true });
  }
  for (const name of ['package.json', 'tsconfig.json', 'vitest.config.ts', 'oxlint.config.ts']) {
    await cp(name, path.join(tree, name));
  }
  await symlink(path.resolve('node_modules'), path.join(tree, 'node_modules'));
  added = await addExample(await readFile('CONTRIBUTING.md', 'utf8'));
});
afterAll(async () => rm(tree, { recursive: true, force: true }));

/**
 * Copies each block of TypeScript into the file that its first line names: as the whole file, or into
 * the object that a function there returns.
 */
async function addExample(text: string): Promise<string[]> {
  const files: string[] = [];
  for (const [, name = '', maker, code = ''] of text.matchAll(
    /^```ts\n\/\/ ([^\s:]+)(?:: add to the object that `(\w+)` returns)?\n(.*?)^```/gmsu,
  )) {
    const file = path.join(tree, name);
    if (maker === undefined) {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, code, { flag: 'wx' });
    } else {
      const old = await readFile(file, 'utf8');
      const end = old.indexOf('\n  };\n}', old.indexOf(`function ${maker}(`));
      expect(end, `${name} returns an object`).toBeGreaterThan(0);
      await writeFile(file, `${old.slice(0, end + 1)}\n${code}${old.slice(end + 1)}`);
    }
    files.push(name);
  }
  return files;
}

async function run(script: string, ...args: string[]): Promise<string> {
  const env = {
    ...process.env,
    LAWSPEAKER_TEST_HOMESERVER_URL: homeserver().url,
    LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET: homeserver().sharedSecret,
  };
  const file = path.join(tree, script);
  return promisify(execFile)(process.execPath, [file, ...args], { cwd: tree, env }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => {
      throw new Error(`${script} failed:\n${error.stdout}\n${error.stderr}`);
    },
  );
}

it('the example of CONTRIBUTING.md has all its files', () => {
  expect(added).toHaveLength(4);
});

it('the example is found by the guide, and its help, dry run and tests pass', async () => {
  await run('dev/docs/main.ts');
  const guide = await readFile(path.join(tree, 'docs/commands.md'), 'utf8');
  expect(guide).toContain('### purge-media-cache');
  const tests = added.filter((name) => name.startsWith('test/'));
  await run('node_modules/vitest/vitest.mjs', 'run', 'test/contract/commands.test.ts', ...tests);
}, 180_000);

it('the types of the example are right', async () => {
  expect(await run('node_modules/typescript/bin/tsc')).toBe('');
}, 180_000);
