import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import packageJson from '#package' with { type: 'json' };

import { program } from '../dev/room/bot-process.ts';
import { openStore } from '../src/store/store.ts';
import { answer } from './support/faulty-server.ts';
import { freePort } from './support/free-port.ts';
import { certificate, startTlsServer } from './support/tls-server.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-main-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const databaseFile = () => path.join(folder, 'state', 'bot', 'lawspeaker.db');

/** @param url by default, the bot waits for a homeserver that does not answer */
async function writeConfig(url?: string): Promise<void> {
  const config = {
    homeserver: {
      url: url ?? `http://127.0.0.1:${await freePort()}`,
      accessToken: 'syt_secret',
    },
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

describe('a homeserver whose certificate is not trusted', () => {
  const start = (environment: NodeJS.ProcessEnv = {}) => {
    const bot = spawn(process.execPath, [program, 'start', '-c', 'config.yaml'], {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    bot.stderr.on('data', (data: Buffer) => (errors += data.toString()));
    return { bot, errors: () => errors };
  };

  it('ends the first start at once, and is accepted with NODE_EXTRA_CA_CERTS', async () => {
    await using server = await startTlsServer(answer(401, { errcode: 'M_UNKNOWN_TOKEN' }));
    await writeConfig(`https://localhost:${server.port}`);
    const refused = start();
    expect(await once(refused.bot, 'close')).toEqual([2, null]);
    expect(refused.errors()).toBe(
      [
        `lawspeaker: The certificate of https://localhost:${server.port} is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT).`,
        'If it is your own, name the file of its authority in the environment: NODE_EXTRA_CA_CERTS=/path/to/ca.pem',
        '',
      ].join('\n'),
    );
    const authority = path.join(folder, 'ca.pem');
    await writeFile(authority, certificate);
    const trusting = start({ NODE_EXTRA_CA_CERTS: authority });
    expect(await once(trusting.bot, 'close')).toEqual([2, null]);
    expect(trusting.errors()).toContain('does not accept the access token (M_UNKNOWN_TOKEN)');
  });

  it('makes a bot wait that has worked before: it may come back', async () => {
    await using server = await startTlsServer(answer(200));
    await writeConfig(`https://localhost:${server.port}`);
    await mkdir(path.dirname(databaseFile()), { recursive: true });
    const store = await openStore(databaseFile());
    await store.syncState.set('token', 's1');
    await store.close();
    const { bot, errors } = start();
    await expect.poll(errors, { timeout: 15_000 }).toContain('waiting for the homeserver');
    expect(errors()).toContain('is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)');
    expect(errors()).toContain('NODE_EXTRA_CA_CERTS');
    bot.kill('SIGTERM');
    expect(await once(bot, 'exit')).toEqual([0, null]);
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
  // Node 12 can't even read a file with an await at the top level.
  expect(await readFile(launch, 'utf8')).not.toMatch(/^await /mu);
});
