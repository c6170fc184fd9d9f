import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import packageJson from '#package' with { type: 'json' };

import { program } from '../dev/room/bot-process.ts';
import { freePort } from './support/free-port.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-main-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

/** The bot waits for a homeserver that does not answer. */
async function writeConfig(): Promise<void> {
  const config = {
    homeserver: { url: `http://127.0.0.1:${await freePort()}`, accessToken: 'syt_secret' },
    managementRoom: '!room:localhost',
    database: { path: 'state/bot/lawspeaker.db' },
  };
  await writeFile(path.join(folder, 'config.yaml'), JSON.stringify(config));
}

/** Arguments of a shell that runs the command after them with the umask that hides nothing. */
const openShell = ['-c', 'umask 000; exec "$@"', 'sh'];

/** A module that runs before the program. */
const preload = (code: string) => ['--import', `data:text/javascript,${encodeURIComponent(code)}`];

describe('a bot whose account makes files for everybody (umask 000)', () => {
  it('makes only private files, and ends with 0 on SIGTERM', async () => {
    await writeConfig();
    // Stands for every file that is written without a mode.
    const probe = preload(
      `import { mkdirSync, writeFileSync } from 'node:fs';
       process.on('exit', () => { mkdirSync('state/folder'); writeFileSync('state/file', ''); });`,
    );
    const bot = spawn(
      'sh',
      [...openShell, process.execPath, ...probe, program, 'start', '-c', 'config.yaml'],
      { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    bot.stderr.on('data', (data: Buffer) => (log += data.toString()));
    await expect.poll(() => log, { timeout: 15_000 }).toContain('homeserver');
    bot.kill('SIGTERM');
    expect(await once(bot, 'exit')).toEqual([0, null]);

    await promisify(execFile)(
      'sh',
      [...openShell, process.execPath, program, 'backup', 'state/backup.db', '-c', 'config.yaml'],
      { cwd: folder },
    );
    const names = await readdir(path.join(folder, 'state'), { recursive: true });
    expect(names).toEqual(
      expect.arrayContaining(['bot/lawspeaker.db', 'backup.db', 'file', 'folder']),
    );
    const modes = await Promise.all(
      ['', ...names].map(async (name) => {
        const { mode } = await stat(path.join(folder, 'state', name));
        return [name, mode & 0o077];
      }),
    );
    expect(modes.filter(([, open]) => open !== 0)).toEqual([]);
  });
});

it('a Node that is too old gets one line', async () => {
  const launch = fileURLToPath(new URL('../src/launch.ts', import.meta.url));
  const old = preload(
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });`,
  );
  const ended = promisify(execFile)(process.execPath, [...old, launch, 'start']);
  await expect(ended).rejects.toMatchObject({
    code: 2,
    stdout: '',
    stderr: 'lawspeaker: Node 20.1.0 is too old. Install Node 24 or newer.\n',
  });
  expect(packageJson.engines.node).toBe('>=24');
});
