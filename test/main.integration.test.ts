import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { program } from '../dev/room/bot-process.ts';
import { answer, startFaultyServer } from './support/faulty-server.ts';
import { homeserver, newUser } from './support/homeserver.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-main-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

async function lawspeaker(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { cwd: folder }, (error, output, errors) =>
      resolve({ status: error === null ? 0 : Number(error.code), output, errors }),
    );
  });
}

async function configFile(config: object): Promise<string> {
  const file = path.join(folder, 'config.yaml');
  await writeFile(file, JSON.stringify(config));
  return file;
}

async function goodConfig() {
  const [bot, ana] = await Promise.all([newUser('bot', { admin: true }), newUser('ana')]);
  const room = await ana.createRoom({ preset: 'private_chat', invite: [bot.userId] });
  return {
    homeserver: { url: homeserver().url, accessToken: bot.account.accessToken },
    managementRoom: room,
    database: { path: path.join(folder, 'data', 'lawspeaker.db') },
  };
}

describe('check-config', () => {
  it('says what it found, and ends with 0', async () => {
    const config = await goodConfig();
    const { status, output } = await lawspeaker(
      'check-config',
      '--config',
      await configFile(config),
    );
    expect(status).toBe(0);
    expect(output).toContain('a server admin');
    expect(output).toContain(`${config.managementRoom}: joined as the management room`);
    expect(output).not.toContain(config.homeserver.accessToken);
  });
});

describe('an adminUrl where something else answers', () => {
  it.each([
    ['check-config', 403],
    ['check-config', 200],
    ['start', 404],
  ])('is named by %s (%i)', async (command, code) => {
    const config = await goodConfig();
    await using server = await startFaultyServer(
      answer(code, '<html>Welcome to the proxy</html>', { 'content-type': 'text/html' }),
    );
    const file = await configFile({
      ...config,
      homeserver: { ...config.homeserver, adminUrl: server.url },
    });
    const { status, errors } = await lawspeaker(command, '--config', file);
    expect(status).toBe(2);
    expect(errors).toContain(`Something other than Synapse answers at ${server.url} (${code}`);
    expect(errors).toContain('homeserver.adminUrl');
    expect(errors).not.toContain('is not a server admin');
  });
});

describe('start', () => {
  it.each([
    [
      'a wrong token',
      async () => {
        const config = await goodConfig();
        return { ...config, homeserver: { ...config.homeserver, accessToken: 'syt_wrong' } };
      },
      'does not accept the access token (M_UNKNOWN_TOKEN)',
    ],
    [
      'an account that is not a server admin',
      async () => {
        const config = await goodConfig();
        const user = await newUser('ordinary');
        return {
          ...config,
          homeserver: { ...config.homeserver, accessToken: user.account.accessToken },
        };
      },
      'is not a server admin',
    ],
    [
      'a room that the bot was not invited to',
      async () => {
        const config = await goodConfig();
        const ana = await newUser('ana');
        return { ...config, managementRoom: await ana.createRoom({ preset: 'private_chat' }) };
      },
      'can’t join the management room',
    ],
    [
      'an alias that does not exist',
      async () => ({ ...(await goodConfig()), managementRoom: '#nowhere:localhost' }),
      'There is no room #nowhere:localhost',
    ],
    [
      'an encrypted room',
      async () => {
        const config = await goodConfig();
        const ana = await newUser('ana');
        const bot = await newUser('bot', { admin: true });
        const room = await ana.createRoom({
          preset: 'private_chat',
          invite: [bot.userId],
          initial_state: [
            { type: 'm.room.encryption', content: { algorithm: 'm.megolm.v1.aes-sha2' } },
          ],
        });
        return {
          ...config,
          homeserver: { ...config.homeserver, accessToken: bot.account.accessToken },
          managementRoom: room,
        };
      },
      'is encrypted',
    ],
    [
      'unknown keys and wrong types',
      async () => ({
        ...(await goodConfig()),
        comands: {},
        confirmation: { expiresAfter: 'soon' },
      }),
      'comands: unknown key (did you mean commands?)',
    ],
  ])('with %s ends with 2 and the reason', async (_, config, reason) => {
    const { status, errors } = await lawspeaker(
      'start',
      '--config',
      await configFile(await config()),
    );
    expect(errors).toContain(reason);
    expect(errors).not.toMatch(/^\s+at /m);
    expect(status).toBe(2);
  });

  it('without a configuration says where it looked and what to do', async () => {
    const { status, errors } = await lawspeaker('start');
    expect(status).toBe(2);
    expect(errors).toContain('config/lawspeaker.yaml');
    expect(errors).toContain('Run lawspeaker init');
  });

  it('with a damaged database refuses, and leaves the file as it is', async () => {
    const config = await goodConfig();
    const file = path.join(folder, 'broken.db');
    await writeFile(file, 'this is no database, but somebody may still want it '.repeat(100));
    const { status, errors } = await lawspeaker(
      'start',
      '--config',
      await configFile({ ...config, database: { path: file } }),
    );
    expect(status).toBe(2);
    expect(errors).toContain(file);
  });
});

describe('the command line', () => {
  it('explains itself, and ends with 2 on words that it does not know', async () => {
    expect((await lawspeaker('--help')).output).toContain('check-config');
    const { status, errors } = await lawspeaker('strat');
    expect(status).toBe(2);
    expect(errors).toContain('Unknown command: strat');
    expect((await lawspeaker('start', '--konfig', 'x')).status).toBe(2);
  });
});
