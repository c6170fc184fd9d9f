import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { program } from '../../../dev/room/bot-process.ts';
import type { MatrixEvent, MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { makeRoom } from '../../../src/cli/init/management-room.ts';
import { loadConfig } from '../../../src/config/load.ts';
import type { RoomId } from '../../../src/core/ids.ts';
import { createClientApi } from '../../../src/homeserver/client/client-api.ts';
import { canEncrypt } from '../../support/encrypted-room.ts';
import { answer, startFaultyServer } from '../../support/faulty-server.ts';
import {
  adminApi,
  asUserId,
  homeserver,
  newUser,
  uniqueLocalpart,
} from '../../support/homeserver.ts';
import { startStandIn } from '../../support/stand-in.ts';

const api = adminApi();

let folder: string;
let botName: string;
let configFile: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-init-'));
  configFile = path.join(folder, 'config/lawspeaker.yaml');
  botName = uniqueLocalpart('bot');
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

type Environment = Readonly<Record<string, string>>;

/** Runs `lawspeaker init`; nobody sits at a terminal. */
async function init(args: readonly string[], environment: Environment = {}): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(?:LAWSPEAKER|npm)_/u.test(name),
  );
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [program, 'init', ...args],
      { cwd: folder, env: { ...Object.fromEntries(inherited), ...environment } },
      (error, output, errors) =>
        resolve({ status: error === null ? 0 : Number(error.code), output, errors }),
    );
  });
}

const here = () => ['--homeserver', homeserver().url, '--bot-name', botName];

const bySecret = (): Environment => ({
  LAWSPEAKER_INIT_REGISTRATION_SECRET: homeserver().sharedSecret,
});

const botUser = () => asUserId(`@${botName}:${homeserver().serverName}`);

const configured = () => loadConfig(configFile, {});

/** The content of a state event of the configured room. */
async function roomState(type: string): Promise<Record<string, unknown> | undefined> {
  const [event] = await api.events.state(configured().managementRoom as RoomId, type);
  return event?.content;
}

async function roomsOfBot(): Promise<readonly string[]> {
  return (await api.users.joinedRooms(botUser())).joinedRooms;
}

async function join(user: MatrixUser): Promise<number> {
  const room = configured().managementRoom;
  await user.join(room);
  const { users } = ((await roomState('m.room.power_levels')) ?? {}) as {
    users?: Readonly<Record<string, number>>;
  };
  return users?.[user.userId] ?? 0;
}

function expectReady({ status, output, errors }: Ended): void {
  expect({ status, errors }).toEqual({ status: 0, errors: '' });
  expect(output).toContain(`${botUser()}: a server admin`);
  expect(output).toContain(': joined as the management room');
  expect(output).toMatch(/Start the bot with:\n {2}\S.* start --config \S+\n$/u);
  const { accessToken } = configured().homeserver;
  expect(accessToken).not.toBe('');
  expect(output).not.toContain(accessToken);
  expect(output).not.toContain(homeserver().sharedSecret);
}

describe('with the registration secret', () => {
  it('makes the account, the room and the configuration, and invites people', async () => {
    const [ana, ben] = await Promise.all([newUser('ana'), newUser('ben')]);
    const people = ['--admin', ana.account.localpart, '--moderator', ben.userId];
    const ended = await init([...here(), ...people], bySecret());
    expectReady(ended);
    expect(await api.users.get(botUser())).toMatchObject({
      admin: true,
      userType: 'bot',
      displayname: 'Lawspeaker',
    });
    expect(await api.users.getRatelimit(botUser())).toEqual({
      messagesPerSecond: 0,
      burstCount: 0,
    });
    expect((await stat(configFile)).mode & 0o777).toBe(0o600);
    expect(await readFile(configFile, 'utf8')).toContain('# How long a confirmation can be given.');
    expect(await roomState('m.room.join_rules')).toMatchObject({ join_rule: 'invite' });
    expect(await roomState('m.room.guest_access')).toMatchObject({ guest_access: 'forbidden' });
    expect(await roomState('m.room.history_visibility')).toMatchObject({
      history_visibility: 'shared',
    });
    expect(await roomState('m.room.power_levels')).toMatchObject({ invite: 50 });
    expect(await join(ana)).toBe(100);
    expect(await join(ben)).toBe(50);
  });

  it('run again, finds all of it, and changes nothing', async () => {
    const ana = await newUser('ana');
    await init([...here(), '--admin', ana.userId], bySecret());
    const written = await readFile(configFile, 'utf8');
    await join(ana);
    const again = await init([...here(), '--admin', ana.userId], bySecret());
    expectReady(again);
    expect(again.output).toContain('config/lawspeaker.yaml: exists already, and is complete');
    expect(again.output).toContain(`${botUser()}: the bot’s account, from config/lawspeaker.yaml`);
    expect(again.output).toContain(`${botUser()}: exempt from rate limits already`);
    expect(again.output).toContain('the management room, exists already');
    expect(again.output).toContain(`${ana.userId}: in the room already`);
    expect(await readFile(configFile, 'utf8')).toBe(written);
    expect(await roomsOfBot()).toHaveLength(1);
    expect(await api.devices.list(botUser())).toHaveLength(1);
  });

  it('run again, invites more people, and raises the power level of those who are there', async () => {
    const [ana, ben, vic] = await Promise.all([newUser('ana'), newUser('ben'), newUser('vic')]);
    await init([...here(), '--admin', ana.userId, '--moderator', ben.userId], bySecret());
    expect(await join(ben)).toBe(50);
    const again = await init(['--admin', ben.userId, '--moderator', vic.userId]);
    expectReady(again);
    expect(again.output).toContain(`${ben.userId}: in the room already, now as admin\n`);
    expect(again.output).toContain(`${vic.userId}: invited as moderator\n`);
    expect(await join(vic)).toBe(50);
    expect(await roomState('m.room.power_levels')).toMatchObject({
      users: { [ana.userId]: 100, [ben.userId]: 100 },
    });
  });

  it('continues where it stopped: with the room that it made, and nothing twice', async () => {
    const ana = await newUser('ana');
    await init([...here(), '--admin', ana.userId], bySecret());
    const { managementRoom } = configured();
    // As if it had been interrupted after it made the room.
    const text = await readFile(configFile, 'utf8');
    await writeFile(configFile, text.replace(/^managementRoom: .*$/mu, "managementRoom: ''"));
    expectReady(await init([...here(), '--admin', ana.userId], bySecret()));
    expect(configured().managementRoom).toBe(managementRoom);
    expect(await readFile(configFile, 'utf8')).toBe(text);
    expect((await stat(configFile)).mode & 0o777).toBe(0o600);
    expect(await roomsOfBot()).toEqual([managementRoom]);
  });

  it('continues with the people whom it was told before', async () => {
    const [ana, ben, vic] = await Promise.all([newUser('ana'), newUser('ben'), newUser('vic')]);
    await using limited = await startStandIn(({ method, path: asked }) =>
      method === 'POST' && asked.endsWith('/createRoom')
        ? { status: 500, body: { errcode: 'M_UNKNOWN' } }
        : undefined,
    );
    const at = ['--homeserver', limited.url, '--bot-name', botName];
    const people = [
      '--admin',
      ana.account.localpart,
      '--moderator',
      `${ben.userId}, ${vic.userId}`,
    ];
    const refused = await init([...at, ...people], bySecret());
    expect(refused.status).toBe(2);
    expect(refused.errors).toContain('Can’t make the management room');
    const kept = `${configFile}.unfinished`;
    expect((await stat(kept)).mode & 0o777).toBe(0o600);
    expect(await readFile(kept, 'utf8')).not.toContain(homeserver().sharedSecret);
    await writeFile(
      configFile,
      (await readFile(configFile, 'utf8')).replace(limited.url, homeserver().url),
    );
    const ended = await init([]);
    expectReady(ended);
    expect(ended.output).toContain(
      `From the run before: admin ${asUserId(ana.userId)}; moderators ${ben.userId}, ${vic.userId}.`,
    );
    expect(await join(ana)).toBe(100);
    expect(await join(vic)).toBe(50);
    await expect(stat(kept)).rejects.toThrow('ENOENT');
  });

  it('continues with the homeserver and the bot’s name that it was told before', async () => {
    const ana = await newUser('ana');
    await using limited = await startStandIn(({ method, path: asked }) =>
      method === 'POST' && asked.endsWith('/register')
        ? { status: 500, body: { errcode: 'M_UNKNOWN' } }
        : undefined,
    );
    const args = ['--homeserver', limited.url, '--bot-name', botName, '--admin', ana.userId];
    expect((await init(args, bySecret())).status).toBe(2);
    const moved = ['--homeserver', homeserver().url];
    const ended = await init(moved, bySecret());
    expectReady(ended);
    expect(ended.output).toContain(`From the run before: bot ${botName}; admin ${ana.userId}.`);
  });

  it('says on a second run without options what is there', async () => {
    const ana = await newUser('ana');
    await init([...here(), '--admin', ana.userId], bySecret());
    const again = await init([]);
    expectReady(again);
    expect(again.output).toContain('exists already, and is complete. I check it');
    expect(again.output).not.toContain('From the run before');
    expect(again.output).toContain(
      `roles: nobody has joined the room yet; invited: ${ana.userId} (admin)`,
    );
    expect(again.output).not.toContain('Warning: ');
  });

  it('takes it from Synapse’s own configuration file', async () => {
    await writeFile(
      path.join(folder, 'homeserver.yaml'),
      `server_name: localhost\nregistration_shared_secret: ${JSON.stringify(homeserver().sharedSecret)}\n`,
    );
    const ana = await newUser('ana');
    const file = ['--registration-secret-file', 'homeserver.yaml'];
    const ended = await init([...here(), ...file, '--admin', ana.userId]);
    expectReady(ended);
    expect(ended.output).toContain('made the bot’s account');
  });

  it('says when it is wrong', async () => {
    const ana = await newUser('ana');
    const { status, errors } = await init([...here(), '--admin', ana.userId], {
      LAWSPEAKER_INIT_REGISTRATION_SECRET: 'not-the-secret',
    });
    expect(status).toBe(2);
    expect(errors).toContain('The homeserver does not accept the registration secret.');
    expect(errors).not.toContain('not-the-secret');
  });

  it('asks for the password of an account that exists, and then takes it', async () => {
    const bot = await newUser('bot', { admin: true });
    botName = bot.account.localpart;
    const args = [...here(), '--admin', (await newUser('ana')).userId];
    const refused = await init(args, bySecret());
    expect(refused.status).toBe(2);
    expect(refused.errors).toContain('Missing: LAWSPEAKER_INIT_BOT_PASSWORD');
    expect(refused.errors).toContain(`${botName} exists already`);
    const taken = await init(args, {
      ...bySecret(),
      LAWSPEAKER_INIT_BOT_PASSWORD: bot.account.password,
    });
    expectReady(taken);
    expect(taken.output).not.toContain(bot.account.password);
  });
});

describe('with a server admin', () => {
  const byPassword = ({ account }: MatrixUser): Environment => ({
    LAWSPEAKER_INIT_ADMIN_USER: account.localpart,
    LAWSPEAKER_INIT_ADMIN_PASSWORD: account.password,
  });

  it('logs in, makes the account, invites the admin, and logs out', async () => {
    const admin = await newUser('admin', { admin: true });
    const ended = await init(here(), byPassword(admin));
    expectReady(ended);
    expect(ended.output).not.toContain(admin.account.password);
    expect(await join(admin)).toBe(100);
    expect(await api.devices.list(asUserId(admin.userId))).toHaveLength(1);
    expect((await api.users.get(botUser())).admin).toBe(true);
  });

  it('says when the password is wrong, and when the account is not an admin', async () => {
    const [admin, vic] = await Promise.all([newUser('admin', { admin: true }), newUser('vic')]);
    const wrong = await init(here(), {
      ...byPassword(admin),
      LAWSPEAKER_INIT_ADMIN_PASSWORD: 'wrong-password',
    });
    expect(wrong.status).toBe(2);
    expect(wrong.errors).toContain(`does not accept the password of ${admin.account.localpart}`);
    expect(wrong.errors).not.toContain('wrong-password');
    const ordinary = await init(here(), byPassword(vic));
    expect(ordinary.status).toBe(2);
    expect(ordinary.errors).toContain(`${vic.userId} is not a server admin.`);
    expect(await api.users.find(botUser())).toBeUndefined();
    expect(await api.devices.list(asUserId(vic.userId))).toHaveLength(1);
  });

  it('a refused login strands nobody: the password is kept until the token is', async () => {
    const admin = await newUser('admin', { admin: true });
    let logins = 0;
    await using limited = await startStandIn(({ method, path: asked }) => {
      const isLogin = method === 'POST' && asked.endsWith('/login');
      logins += isLogin ? 1 : 0;
      return isLogin && logins === 2
        ? { status: 429, body: { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 333_000 } }
        : undefined;
    });
    const args = ['--homeserver', limited.url, '--bot-name', botName];
    const refused = await init(args, byPassword(admin));
    expect(refused.status).toBe(2);
    expect(refused.errors).toBe(
      `lawspeaker: Can’t log in as ${botUser()}: too many logins from this address (M_LIMIT_EXCEEDED).\n` +
        'Wait 6 minutes, then run lawspeaker init again: it continues where it stopped.\n',
    );
    const kept = `${configFile}.password-of-${botName}`;
    expect((await stat(kept)).mode & 0o777).toBe(0o600);
    const again = await init(args, byPassword(admin));
    expectReady(again);
    expect(again.output).toContain(`${botUser()}: the bot’s account, made by an earlier run`);
    await expect(stat(kept)).rejects.toThrow('ENOENT');
  });

  it('uses their token, and leaves it valid', async () => {
    const admin = await newUser('admin', { admin: true });
    const { accessToken } = admin.account;
    const ended = await init([...here(), '--admin-token', accessToken]);
    expectReady(ended);
    expect(ended.output).not.toContain(accessToken);
    expect((await admin.whoami()).user_id).toBe(admin.userId);
    const stale = await init([...here(), '--config', 'other.yaml'], {
      LAWSPEAKER_INIT_ADMIN_TOKEN: 'syt_gone',
    });
    expect(stale.status).toBe(2);
    expect(stale.errors).toContain('does not accept the admin’s access token (M_UNKNOWN_TOKEN)');
    expect(stale.errors).not.toContain('syt_gone');
  });

  it('takes a room and an account that exist, and gives the account what it lacks', async () => {
    const admin = await newUser('admin', { admin: true });
    const [bot, ben] = await Promise.all([newUser('bot'), newUser('ben')]);
    botName = bot.account.localpart;
    const room = await admin.createRoom({
      preset: 'private_chat',
      room_alias_name: botName,
      power_level_content_override: { users: { [admin.userId]: 100, [bot.userId]: 100 } },
      room_version: '10',
    });
    const ended = await init(
      [...here(), '--room', `#${botName}:localhost`, '--moderator', ben.userId],
      {
        LAWSPEAKER_INIT_ADMIN_TOKEN: admin.account.accessToken,
        LAWSPEAKER_INIT_BOT_TOKEN: bot.account.accessToken,
      },
    );
    expectReady(ended);
    expect(ended.output).toContain(`${bot.userId}: made a server admin`);
    expect(configured()).toMatchObject({
      managementRoom: room,
      homeserver: { accessToken: bot.account.accessToken },
    });
    expect(await join(ben)).toBe(50);
  });
});

describe('a room that the bot can’t use as it should', () => {
  it('is named, with what to do', async () => {
    const bot = await newUser('bot', { admin: true });
    const ana = await newUser('ana');
    const room = await ana.createRoom({ preset: 'private_chat' });
    const environment = { LAWSPEAKER_INIT_BOT_TOKEN: bot.account.accessToken };
    botName = bot.account.localpart;
    const outside = await init([...here(), '--room', room], environment);
    expect(outside.status).toBe(2);
    expect(outside.errors).toContain(`can’t join the room ${room}`);
    expect(outside.errors).toContain('give it power level 100');
    // The configuration is there now, and the next run continues from it.
    await ana.invite(room, bot.userId);
    const ben = await newUser('ben');
    const inside = await init([...here(), '--room', room, '--moderator', ben.userId], environment);
    expectReady(inside);
    expect(inside.output).toContain(`${ben.userId}: the bot can’t raise their power level to 50`);
    expect(inside.output).toContain('the bot’s power level is 0. Give it 100');
    expect(configured().managementRoom).toBe(room);
  });

  it('is not remembered if it doesn’t exist: the next run makes a new one', async () => {
    const ana = await newUser('ana');
    const missing = `#${uniqueLocalpart('nowhere')}:${homeserver().serverName}`;
    const args = [...here(), '--admin', ana.userId];
    const refused = await init([...args, '--room', missing], bySecret());
    expect(refused.status).toBe(2);
    expect(refused.errors).toContain(`There is no room ${missing}.`);
    expect(refused.errors).toContain('Check --room, or leave it out for a new room.');
    const unknown = await init([...args, '--room', '!nowhere:localhost'], bySecret());
    expect(unknown.errors).toContain('The homeserver does not know the room !nowhere:localhost.');
    const ended = await init([]);
    expectReady(ended);
    expect(ended.output).toContain(`From the run before: admin ${ana.userId}.`);
    expect(ended.output).toContain(': made the management room, private');
    expect(await join(ana)).toBe(100);
  });

  it('is not made for people who don’t exist', async () => {
    const { status, errors } = await init([...here(), '--admin', 'nobody-at-all'], bySecret());
    expect(status).toBe(2);
    expect(errors).toContain('There is no active account @nobody-at-all:localhost.');
    expect(await roomsOfBot()).toEqual([]);
  });
});

describe('where the homeserver is not what it should be', () => {
  it('a proxy hides the admin API: it asks for its URL', async () => {
    await using proxy = await startStandIn(({ path: asked }) =>
      asked.startsWith('/_synapse/') ? { status: 403, body: { error: 'no' } } : undefined,
    );
    const ana = await newUser('ana');
    const args = ['--homeserver', proxy.url, '--bot-name', botName, '--admin', ana.userId];
    const hidden = await init(args, bySecret());
    expect(hidden.status).toBe(2);
    expect(hidden.errors).toContain(`Missing: --admin-url. ${proxy.url} does not pass`);
    const found = await init([...args, '--admin-url', homeserver().url], bySecret());
    expectReady(found);
    expect(configured().homeserver).toMatchObject({
      url: proxy.url,
      adminUrl: homeserver().url,
    });
  });

  it.each([
    ['http://127.0.0.1:1', 'Can’t find a homeserver at http://127.0.0.1:1'],
    ['matrix.example.com', 'is not a URL that begins with https:// or http://'],
  ])('%s', async (url, reason) => {
    const { status, errors } = await init(
      ['--homeserver', url, '--bot-name', botName, '--admin', 'ana'],
      bySecret(),
    );
    expect(status).toBe(2);
    expect(errors).toContain(reason);
  });

  it('a server names another as its homeserver: it uses that one', async () => {
    await using server = await startFaultyServer(
      answer(404, 'not here'),
      answer(200, { 'm.homeserver': { base_url: `${homeserver().url}/` } }),
    );
    const ana = await newUser('ana');
    const args = ['--homeserver', server.url, '--bot-name', botName, '--admin', ana.userId];
    const ended = await init(args, bySecret());
    expectReady(ended);
    expect(ended.output).toContain(`${server.url}: names ${homeserver().url} as its homeserver`);
    expect(configured().homeserver.url).toBe(homeserver().url);
    expectReady(await init(args, bySecret()));
  });

  it('something else answers there', async () => {
    await using server = await startFaultyServer(
      answer(200, '<html>Welcome</html>', { 'content-type': 'text/html' }),
    );
    const { status, errors } = await init(
      ['--homeserver', server.url, '--admin', 'ana'],
      bySecret(),
    );
    expect(status).toBe(2);
    expect(errors).toContain(`Can’t find a homeserver at ${server.url}`);
  });
});

describe('a configuration that exists', () => {
  it('for another homeserver is left alone', async () => {
    await mkdir(path.dirname(configFile));
    const text = JSON.stringify({
      homeserver: { url: 'https://other.example.com', accessToken: 'syt_other' },
      managementRoom: '!room:other.example.com',
    });
    await writeFile(configFile, text);
    const { status, errors } = await init(here(), bySecret());
    expect(status).toBe(2);
    expect(errors).toContain('exists already, and is for https://other.example.com');
    expect(errors).not.toContain('syt_other');
    expect(await readFile(configFile, 'utf8')).toBe(text);
  });

  it('that is a copy of the example is left alone', async () => {
    await mkdir(path.dirname(configFile));
    await copyFile(new URL('../../../config/example.yaml', import.meta.url), configFile);
    const { status, errors } = await init([...here(), '--admin', 'ana'], bySecret());
    expect(status).toBe(2);
    expect(errors).toContain('homeserver.accessToken: is still the placeholder of the example');
    expect(errors).toContain('move this file away and run lawspeaker init');
  });

  it('that is not valid is left alone, with its faults', async () => {
    await mkdir(path.dirname(configFile));
    await writeFile(configFile, 'comands: {}\n');
    const { status, errors } = await init(here(), bySecret());
    expect(status).toBe(2);
    expect(errors).toContain('comands: unknown key (did you mean commands?)');
    expect(await readFile(configFile, 'utf8')).toBe('comands: {}\n');
  });
});

describe('with nobody to ask', () => {
  it.each([
    [
      [],
      'Missing: --homeserver; one of --admin-user, --admin-token and --registration-secret-file; --admin',
    ],
    [
      ['--homeserver', 'https://x.example', '--admin-user', 'ana'],
      'LAWSPEAKER_INIT_ADMIN_PASSWORD',
    ],
    [['--non-interactive', '--admin-token', 'x'], 'Missing: --homeserver.'],
    [['--konfig', 'x'], '--konfig'],
    [['--room', 'lobby'], '--room: "lobby" is neither a room ID'],
  ])('%j ends with 2 and names what is missing or wrong', async (args, reason) => {
    const { status, output, errors } = await init(args);
    expect({ status, output }).toEqual({ status: 2, output: '' });
    expect(errors).toContain(reason);
    expect(errors.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });
});

describe('an encrypted room', () => {
  it('is encrypted from its first message on', async () => {
    const bot = await newUser('bot', { admin: true });
    const client = createClientApi({
      url: homeserver().url,
      accessToken: bot.account.accessToken,
      stop: new AbortController().signal,
    });
    const said: string[] = [];
    const room = await makeRoom({ client, say: (line) => said.push(line) }, true);
    const [encryption] = await api.events.state(room, 'm.room.encryption');
    expect(encryption?.content).toEqual({ algorithm: 'm.megolm.v1.aes-sha2' });
    expect(said).toEqual([`${room}: made the management room, private and encrypted`]);
  });

  it.skipIf(canEncrypt)('is not made where the bot can’t encrypt', async () => {
    const { status, output, errors } = await init([...here(), '--encrypted'], bySecret());
    expect({ status, output }).toEqual({ status: 2, output: '' });
    expect(errors).toContain('the native library');
    expect(await api.users.find(botUser())).toBeUndefined();
  });

  it.runIf(canEncrypt)(
    'has encryption on in its configuration (needs the native crypto library)',
    async () => {
      const ana = await newUser('ana');
      const ended = await init([...here(), '--encrypted', '--admin', ana.userId], bySecret());
      expectReady(ended);
      expect(configured().encryption.enabled).toBe(true);
    },
  );
});

it('the bot starts with what init has made, and greets the room', async () => {
  const ana = await newUser('ana');
  await init([...here(), '--admin', ana.userId], bySecret());
  await join(ana);
  const child = execFile(process.execPath, [program, 'start', '--config', configFile], {
    cwd: folder,
  });
  try {
    await expect
      .poll(async () => {
        const { chunk } = await ana.request<{ chunk: MatrixEvent[] }>(
          'GET',
          `/_matrix/client/v3/rooms/${encodeURIComponent(configured().managementRoom)}/messages`,
          { query: { dir: 'b', limit: 20 } },
        );
        return chunk.map(({ content }) => String(content['body'])).join('\n');
      })
      .toContain('I’m Lawspeaker');
  } finally {
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await exited;
  }
});

it('ends at once on a homeserver that delegates its accounts, and says what to do instead', async () => {
  await using server = await startFaultyServer((request, response) => {
    const body = request.url?.endsWith('/auth_metadata')
      ? { issuer: 'https://auth.example.com/' }
      : { versions: ['v1.11'] };
    answer(200, body)(request, response);
  });
  const { status, output, errors } = await init(
    ['--homeserver', server.url, '--admin', 'ana'],
    bySecret(),
  );
  expect(status).not.toBe(0);
  expect(errors).toContain('Matrix Authentication Service (MAS) at https://auth.example.com/');
  expect(errors).toContain('mas-cli manage issue-compatibility-token lawspeaker LAWSPEAKER');
  expect(errors).toContain('admin_clients:');
  expect(errors).toContain('lawspeaker check-config --config');
  expect(output).toBe('');
  await expect(stat(configFile)).rejects.toMatchObject({ code: 'ENOENT' });
});
