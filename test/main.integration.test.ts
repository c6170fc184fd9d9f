import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { program, startBotProcess } from '../dev/room/bot-process.ts';
import { answer, startFaultyServer } from './support/faulty-server.ts';
import { freePort } from './support/free-port.ts';
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
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
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
  it('says what it found, who has which role and what it would create, and ends with 0', async () => {
    const config = await goodConfig();
    const { status, output, errors } = await lawspeaker(
      'check-config',
      '--config',
      await configFile(config),
    );
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    expect(output).toContain('a server admin of Synapse 1.');
    expect(output).toContain(`${config.managementRoom}: joined as the management room`);
    expect(output).toMatch(/^roles: admin @ana.*:localhost; moderator nobody; viewer nobody$/mu);
    expect(output).toContain(
      `${config.database.path}: does not exist yet (lawspeaker start creates it)`,
    );
    expect(output).not.toContain('Warning');
    expect(output).not.toContain(config.homeserver.accessToken);
    await expect(stat(config.database.path)).rejects.toThrow('ENOENT');
  });

  it('has the same for scripts, with names that stay', async () => {
    const config = await goodConfig();
    const file = await configFile({ ...config, http: { listen: `127.0.0.1:${await freePort()}` } });
    const { status, output } = await lawspeaker('check-config', '--json', '--config', file);
    expect(status).toBe(0);
    const { ok, checks } = readReport(output);
    expect(ok).toBe(true);
    expect(checks.map(({ name }) => name)).toEqual([
      'configuration',
      'files',
      'rules',
      'actions',
      'database',
      'http',
      'token',
      'admin',
      'room',
      'room-access',
      'roles',
    ]);
    expect(checks.map((check) => Object.keys(check).join(' '))).toEqual(
      checks.map(() => 'name ok message advice'),
    );
    expect(checks.every((check) => check.ok && check.advice === null)).toBe(true);
  });

  it('warns about what others can read, and about a room that everybody commands', async () => {
    const [bot, ana] = await Promise.all([newUser('bot', { admin: true }), newUser('ana')]);
    const room = await ana.createRoom({
      preset: 'public_chat',
      invite: [bot.userId],
      power_level_content_override: { users_default: 50 },
    });
    const file = await configFile({
      ...(await goodConfig()),
      homeserver: { url: homeserver().url, accessToken: bot.account.accessToken },
      managementRoom: room,
    });
    await Promise.all([chmod(folder, 0o755), chmod(file, 0o644)]);
    const { status, output } = await lawspeaker('check-config', '--json', '--config', file);
    expect(status).toBe(0);
    const warnings = readReport(output).checks.filter(({ advice }) => advice !== null);
    expect(warnings).toMatchObject([
      { name: 'files', ok: true, advice: `Run: chmod 600 ${file}` },
      {
        name: 'room-access',
        ok: true,
        message: `${room}: Anybody can join, and gets the role that the default power level gives.`,
      },
      {
        name: 'room-access',
        ok: true,
        advice: expect.stringContaining('set the default role') as string,
      },
    ]);
  });

  it('warns that the bot can’t write in the room, with the power level that it needs', async () => {
    const [bot, ana] = await Promise.all([newUser('bot', { admin: true }), newUser('ana')]);
    const room = await ana.createRoom({
      preset: 'private_chat',
      invite: [bot.userId],
      power_level_content_override: { events_default: 50 },
    });
    const file = await configFile({
      ...(await goodConfig()),
      homeserver: { url: homeserver().url, accessToken: bot.account.accessToken },
      managementRoom: room,
    });
    const { status, output } = await lawspeaker('check-config', '--config', file);
    expect(status).toBe(0);
    expect(output).toContain(
      `Warning: ${room}: the bot can’t write there: its power level is 0, and messages need 50.\n` +
        `  In the room’s settings, give ${bot.userId} power level 50.`,
    );
  });

  it('says what to do next while the invitations are not accepted', async () => {
    const [bot, ana] = await Promise.all([newUser('bot', { admin: true }), newUser('ana')]);
    const room = await bot.createRoom({
      preset: 'private_chat',
      invite: [ana.userId],
      power_level_content_override: { users: { [bot.userId]: 100, [ana.userId]: 100 } },
      room_version: '10',
    });
    const config = {
      ...(await goodConfig()),
      homeserver: { url: homeserver().url, accessToken: bot.account.accessToken },
      managementRoom: room,
    };
    const { status, output } = await lawspeaker('check-config', '-c', await configFile(config));
    expect(status).toBe(0);
    expect(output).toContain(
      `roles: nobody has joined the room yet; invited: ${ana.userId} (admin)\n` +
        '  Next: accept the invitation in your Matrix client, and type !help in the room once the bot runs.',
    );
    expect(output).not.toContain('Warning');
    const started = await startBotProcess(folder, config);
    await started.stop();
    const log = await readFile(started.logFile, 'utf8');
    expect(log).toContain('waiting for the first moderator: accept the invitation');
    expect(log).toContain(ana.userId);
  });

  it('names everything that is wrong at once, and ends with 2', async () => {
    const config = await goodConfig();
    await using taken = await startFaultyServer(answer(200));
    const listen = new URL(taken.url).host;
    const file = await configFile({
      ...config,
      homeserver: { ...config.homeserver, accessToken: 'syt_wrong' },
      http: { listen },
      roles: { commands: { whois: 'admin' } },
      reports: {
        rules: [{ name: 'x', when: { sender: 'local' }, then: ['no-such-command'], mode: 'act' }],
      },
    });
    const { status, output } = await lawspeaker('check-config', '--json', '--config', file);
    expect(status).toBe(2);
    const { ok, checks } = readReport(output);
    expect(ok).toBe(false);
    expect(checks.filter((check) => !check.ok).map(({ name }) => name)).toEqual([
      'rules',
      'http',
      'token',
    ]);
    const plain = await lawspeaker('check-config', '--config', file);
    expect(plain.status).toBe(2);
    expect(plain.errors).toContain(`http.listen: port ${listen.split(':')[1]} is already in use.`);
    expect(plain.errors).toContain('does not accept the access token (M_UNKNOWN_TOKEN)');
  });

  it('reads a configuration that is not valid, too', async () => {
    const { status, output } = await lawspeaker(
      'check-config',
      '--json',
      '-c',
      await configFile({}),
    );
    expect(status).toBe(2);
    expect(readReport(output)).toMatchObject({
      ok: false,
      checks: [
        { name: 'configuration', ok: false, advice: 'config/example.yaml documents every key.' },
      ],
    });
  });

  it('ends with 1 if only the homeserver is away', async () => {
    const config = await goodConfig();
    const url = `http://127.0.0.1:${await freePort()}`;
    const file = await configFile({ ...config, homeserver: { ...config.homeserver, url } });
    const { status, errors } = await lawspeaker('check-config', '--config', file);
    expect(status).toBe(1);
    expect(errors).toContain(`the homeserver at ${url} can't be reached (ECONNREFUSED)`);
  });

  it('names the bot that runs', async () => {
    const config = { ...(await goodConfig()), http: { listen: `127.0.0.1:${await freePort()}` } };
    const bot = await startBotProcess(folder, config);
    const { status, output } = await lawspeaker(
      'check-config',
      '--config',
      path.join(folder, 'lawspeaker.yaml'),
    );
    expect(status).toBe(0);
    expect(output).toContain(`writable, and in use by a bot (process ${bot.process.pid} on `);
    expect(output).toContain(`${config.http.listen}, in use while the bot runs`);
    await bot.stop();
  });
});

interface Report {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly message: string;
    readonly advice: string | null;
  }[];
}

const readReport = (output: string) => JSON.parse(output) as Report;

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
    expect(errors).toContain(
      `Something other than Synapse answers at ${server.url} (HTTP ${code})`,
    );
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
    expect(errors).toBe(
      'lawspeaker: Unknown command: strat. Did you mean start?\nFor the commands: lawspeaker --help\n',
    );
    expect(await lawspeaker('audit', 'list', '--konfig', 'x')).toMatchObject({
      status: 2,
      errors: "lawspeaker: Unknown option '--konfig'.\nFor more: lawspeaker audit --help\n",
    });
    const { output } = await lawspeaker('audit', '--help');
    expect(output).toContain('audit verify');
    expect(output).toContain('--status, --text WORDS');
    expect(output).not.toContain('backup FILE');
  });
});
