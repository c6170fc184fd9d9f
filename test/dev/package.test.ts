import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import { expect, it } from 'vitest';

import packageJson from '#package' with { type: 'json' };

it('the npm package contains the program, its documents and nothing else', async () => {
  const { stdout } = await promisify(execFile)('npm', [
    'pack',
    '--dry-run',
    '--json',
    '--ignore-scripts',
  ]);
  const report = JSON.parse(stdout) as unknown;
  // npm writes a list, or an object by package name, depending on its version.
  const [packed] = Object.values(report as object) as { files: { path: string }[] }[];
  const names = packed?.files.map((file) => file.path) ?? [];
  expect(names).toEqual(
    expect.arrayContaining(['LICENSE', 'README.md', 'config/example.yaml', 'docs/commands.md']),
  );
  expect(
    names.filter((name) => !/^(?:dist|docs)\/|^config\/example\.yaml$|^[^/]+$/u.test(name)),
  ).toEqual([]);
  expect(names.filter((name) => /\.map$|^dist\/compiled\/|\.ts$/u.test(name))).toEqual([]);
});

it('`npm start` hands signals to the bot, and what npm runs after an install needs no missing tool', async () => {
  const { scripts, bin } = packageJson;
  expect(bin).toEqual({ lawspeaker: 'dist/lawspeaker.js' });
  // Without `exec`, a shell stays between npm and the bot, and keeps SIGTERM to itself.
  expect(scripts.start).toBe(`exec node ${bin.lawspeaker} start`);
  // The bundler is a development package, and an installed package has no dev/ folder.
  expect(scripts.prepare).toBe('test ! -d node_modules/rolldown || node dev/build/main.ts');
  expect(await readFile('src/launch.ts', 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/u);
});
