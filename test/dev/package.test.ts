import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
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
  expect(scripts.start).toMatch(/ && exec node dist\/lawspeaker\.js start$/u);
  // An installed package has no dev/ folder.
  expect(scripts.start).toMatch(/^test ! -d dev \|\| sh dev\/build\/check-built\.sh && /u);
  // The bundler is a development package.
  expect(scripts.prepare).toBe('test ! -d node_modules/rolldown || node dev/build/main.ts');
  expect(await readFile('src/launch.ts', 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/u);
});

it('`npm start` says what to do if the packages or the build are missing, or older than the sources', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-built-'));
  const run = async () =>
    promisify(execFile)('sh', [path.resolve('dev/build/check-built.sh')], { cwd: folder });
  try {
    await mkdir(path.join(folder, 'src'));
    await mkdir(path.join(folder, 'dist'));
    await expect(run()).rejects.toMatchObject({
      code: 2,
      stderr:
        'lawspeaker: the packages are not installed. Run "npm ci": it installs them and makes the build.\n',
    });
    await mkdir(path.join(folder, 'node_modules'));
    await expect(run()).rejects.toMatchObject({
      code: 2,
      stderr: 'lawspeaker: the build in dist/ is missing. Run "npm run build".\n',
    });
    const program = path.join(folder, 'dist', 'lawspeaker.js');
    await writeFile(program, '');
    await utimes(path.join(folder, 'src'), 1, 1);
    expect(await run()).toEqual({ stdout: '', stderr: '' });
    await writeFile(path.join(folder, 'src', 'main.ts'), '');
    await utimes(program, 1, 1);
    expect((await run()).stderr).toMatch(/is older than src\/\. Run "npm run build" .*\n$/u);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
