import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Answer, Moderator } from '../../dev/room/moderator.ts';
import { startHomeserver } from '../../dev/synapse/homeserver.ts';
import type { Homeserver } from '../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import type { MatrixEvent } from '../../dev/synapse/matrix-user.ts';
import { flagName } from '../../src/chat/command/arguments.ts';
import type { Argument } from '../../src/chat/command/arguments.ts';
import type { Command } from '../../src/chat/command/declaration.ts';
import { loadCommands } from '../../src/chat/command/load-commands.ts';
import { argumentsOf } from '../../src/chat/command/properties.ts';
import { createRegistry } from '../../src/chat/command/registry.ts';
import { quote } from '../../src/chat/reading/tokenize.ts';
import { parseUserId } from '../../src/core/ids.ts';
import type { UserId } from '../../src/core/ids.ts';
import { createAdminApi } from '../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../src/homeserver/admin/admin-api.ts';
import { askAndConfirm } from '../support/confirmed.ts';
import { asUserId, uniqueLocalpart } from '../support/homeserver.ts';
import { commandLine } from '../support/hostile.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

/**
 * Random command lines, through the room, on a Synapse of their own: whoever types what, no account gains
 * a right and no secret leaves its room. Judged by what Synapse says, and by nothing of the bot's code.
 */
const isNightly = process.env['LAWSPEAKER_TEST_PROFILE'] === 'nightly';
const lines = isNightly ? { viewer: 10_000, moderator: 2_000 } : { viewer: 300, moderator: 100 };
/** The same lines every time by day, others every night. */
const seed = isNightly ? Date.now() % 2 ** 31 : 20_261_127;
/** By day a slow machine types fewer of them. */
const maxMs = isNightly ? 7_200_000 : 30_000;
const atOnce = 25;

const registry = createRegistry(await loadCommands());
const names = registry.all.flatMap(({ name, aliases = [] }) => [name, ...aliases]);

let server: Homeserver;
let api: AdminApi;
let room: TestRoom;
let root: MatrixUser;
let ex: MatrixUser;
let listed: MatrixUser;
let guarded: readonly MatrixUser[];
let victims: readonly MatrixUser[];
let places: readonly string[];
let direct: string;
const registrationToken = uniqueLocalpart('token');

async function register(prefix: string, options: { admin?: boolean } = {}): Promise<MatrixUser> {
  return MatrixUser.register(server, { localpart: uniqueLocalpart(prefix), ...options });
}

beforeAll(async () => {
  server = await startHomeserver();
  root = await register('root', { admin: true });
  api = createAdminApi({ url: server.url, accessToken: root.account.accessToken });
  [ex, listed] = [await register('ex'), await register('listed')];
  victims = await Promise.all(Array.from({ length: 12 }, async () => register('victim')));
  room = await openRoom(
    { roles: { admin: { users: [listed.userId] } } },
    { server, roomVersion: '11' },
  );
  const { ana, ben } = room;
  await ana.user.invite(room.id, ex.userId);
  await ex.join(room.id);
  await ana.user.setState(room.id, 'm.room.power_levels', {
    users: { [ana.user.userId]: 100, [ben.user.userId]: 50, [ex.userId]: 100 },
  });
  await ex.leave(room.id);
  guarded = [room.bot, ana.user, ben.user, root, ex, listed];
  places = await Promise.all(
    victims
      .slice(0, 4)
      .map(async (owner) => owner.createRoom({ preset: 'public_chat', name: 'Place' })),
  );
  for (const [at, victim] of victims.entries()) {
    await api.users.modify(asUserId(victim.userId), {
      threepids: [{ medium: 'email', address: `v${at}@hidden.example` }],
    });
  }
  await api.registrationTokens.create({ token: registrationToken });
  // Secrets in the direct rooms of two people, whatever the random lines do.
  for (const [at, who] of [ana, ben].entries()) {
    await askAndConfirm(who, `!reset-password ${victims[at]?.userId ?? ''}`);
  }
  const joined = await api.users.joinedRooms(asUserId(room.bot.userId));
  direct = joined.joinedRooms.find((id) => id !== room.id) ?? expect.unreachable();
}, 180_000);
afterAll(async () => {
  await room.close();
  await server.stop();
});

/** A word for an argument: often what fits, often whom it must not reach, now and then anything. */
function word(argument: Argument): fc.Arbitrary<string> {
  const { kind, options } = argument;
  const user = fc.constantFrom(
    ...[...guarded, ...victims, room.vic.user].map(({ userId }) => userId),
    `@${uniqueLocalpart('new')}:${server.serverName}`,
    '@somebody:elsewhere.example',
  );
  const place = fc.constantFrom(room.id, direct, ...places, '!nowhere:elsewhere.example');
  const event = fc
    .tuple(place, fc.constantFrom('$nothing', room.ana.events.at(-1)?.event_id ?? '$none'))
    .map(([where, id]) => `https://matrix.to/#/${encodeURIComponent(where)}/${id}`);
  const text = fc.constantFrom(
    'x',
    'a b',
    '""',
    'me@new.example',
    'idp:me',
    '+447470274584',
    registrationToken,
    '@ana',
    '--admin',
  );
  const fitting: Readonly<Record<Argument['kind'], fc.Arbitrary<string>>> = {
    account: user,
    identity: user,
    user,
    room: place,
    target: fc.oneof(user, place),
    event,
    media: fc.constantFrom(`mxc://${server.serverName}/abc`, 'mxc://elsewhere.example/x'),
    text,
    word: text,
    integer: fc.integer({ min: 0, max: 200 }).map(String),
    item: fc.integer({ min: 0, max: 20 }).map(String),
    boolean: fc.constant(''),
    choice: fc.constantFrom(...(options.choices ?? ['x'])),
    duration: fc.constantFrom('1s', '1h', '99w', '0s'),
    date: fc.constantFrom('1h', '2026-01-01', 'never'),
  };
  return fc
    .oneof(
      { weight: 12, arbitrary: fitting[kind] },
      { weight: 1, arbitrary: fc.oneof(user, place, text) },
    )
    .map((value) => (kind === 'boolean' ? '' : quote(value)));
}

/** A line by a command's declaration, with some of its flags. */
function declaredLine(command: Command): fc.Arbitrary<string> {
  const parts = Object.entries(argumentsOf(command)).map(([key, argument]) => {
    const { place, kind, options } = argument;
    if (place === 'positional') {
      const several = fc.array(word(argument), { minLength: 1, maxLength: 2 });
      return options.many === true ? several.map((words) => words.join(' ')) : word(argument);
    }
    const name = flagName(key);
    const given =
      kind === 'boolean'
        ? fc.constantFrom(`--${name}`, `--no-${name}`)
        : word(argument).map((value) => `--${name}=${value}`);
    const weight = name === 'dry-run' || name === 'override-protection' ? 1 : 3;
    return fc.oneof({ weight: 9, arbitrary: fc.constant('') }, { weight, arbitrary: given });
  });
  return fc
    .tuple(...parts)
    .map((words) => `!${[command.name, ...words].filter((one) => one !== '').join(' ')}`);
}

function anyLine(): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...registry.all).chain(declaredLine) },
    { weight: 2, arbitrary: commandLine(names) },
    {
      weight: 1,
      arbitrary: fc.oneof(
        fc.constantFrom('yes', '!confirm', '!cancel', '!more', '!confirm AAAA'),
        fc.integer({ min: 1, max: 50 }).map((entry) => `!undo ${entry}`),
      ),
    },
  );
}

/**
 * Types random lines until there are enough, and waits for all their answers.
 *
 * @param after is called with the answers of each batch
 * @returns the statuses of their answers, and how often each
 */
async function typeLines(
  who: Moderator,
  count: number,
  after: (answers: readonly Answer[]) => Promise<void> = async () => undefined,
): Promise<ReadonlyMap<string, number>> {
  const [victim] = victims;
  // A slow machine types few lines, and which commands are among them changes with every new command.
  const always = [`!user ${victim?.userId}`, `!admin ${victim?.userId} --grant`];
  const all = [...always, ...fc.sample(anyLine(), { numRuns: count, seed })];
  const statuses = new Map<string, number>();
  const startedAt = performance.now();
  let typed = 0;
  while (typed < all.length && (typed === 0 || performance.now() - startedAt < maxMs)) {
    const batch = all.slice(typed, typed + atOnce);
    const events = await Promise.all(batch.map(async (line) => who.say(line.toWellFormed())));
    // One person's lines are answered in their order: what was no command has no answer.
    await who.ask('!version');
    const answers = events
      .flatMap((event) => who.answersTo(event))
      // A file stands behind its answer.
      .filter(({ content }) => 'dev.lawspeaker.answer' in content);
    answers.forEach(({ field: { status } }) =>
      statuses.set(status, (statuses.get(status) ?? 0) + 1),
    );
    await after(answers);
    typed += batch.length;
  }
  return statuses;
}

/** What an account is and can do, but for what passes by itself. */
async function accountNow(user: UserId) {
  const account = await api.users.find(user);
  if (account === undefined) {
    return undefined;
  }
  const { lastSeenTs: _, ...lasting } = account;
  const known = await api.devices.list(user);
  const { joinedRooms } = await api.users.joinedRooms(user);
  return {
    account: lasting,
    devices: known.map(({ deviceId, displayName }) => `${deviceId} ${displayName}`).sort(),
    rooms: [...joinedRooms].sort(),
  };
}

/** Who rules here: the server's admins, those who are protected, and the rooms that only some may be in. */
async function rulersNow() {
  const admins: string[] = [];
  for await (const { name } of api.users.all({ admins: true, deactivated: true, limit: 100 })) {
    admins.push(name);
  }
  const state = async (id: string) =>
    (
      await room.bot.request<MatrixEvent[]>(
        'GET',
        `/_matrix/client/v3/rooms/${encodeURIComponent(id)}/state`,
      )
    )
      .filter(
        ({ type, state_key: key }) =>
          type !== 'm.room.encryption' &&
          // A viewer is not protected: who is deactivated leaves the room.
          !(type === 'm.room.member' && key === room.vic.user.userId),
      )
      .map(({ type, state_key: key, content }) => JSON.stringify([type, key, content]))
      .sort();
  return {
    admins: admins.sort(),
    people: await Promise.all(
      guarded.map(async ({ userId }) => {
        const now = await accountNow(asUserId(userId));
        // A moderator may join rooms, and take the bot along.
        const mayJoin = userId === room.ben.user.userId || userId === room.bot.userId;
        return mayJoin ? { ...now, rooms: [] } : now;
      }),
    ),
    rooms: [await state(room.id), await state(direct)],
  };
}

/** What the bot has said in its direct rooms and nowhere else: passwords and tokens stand in a line alone. */
async function secretsTold(): Promise<string[]> {
  const { joinedRooms } = await api.users.joinedRooms(asUserId(room.bot.userId));
  const secrets = new Set<string>();
  for (const id of joinedRooms.filter((one) => one !== room.id)) {
    const { chunk } = await room.bot.request<{ chunk: MatrixEvent[] }>(
      'GET',
      `/_matrix/client/v3/rooms/${encodeURIComponent(id)}/messages`,
      { query: { dir: 'b', limit: 1000 } },
    );
    for (const { sender, content } of chunk) {
      const { body } = content;
      (typeof body === 'string' && sender === room.bot.userId ? body : '')
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => /^\S{16,}$/u.test(line) && parseUserId(line) === undefined)
        .forEach((line) => secrets.add(line));
    }
  }
  return [...secrets];
}

/** All that the bot has said in the management room. */
function said(since = 0): string {
  return JSON.stringify(
    room.ana.events.slice(since).filter(({ sender }) => sender === room.bot.userId),
  );
}

describe(`random command lines (seed ${seed})`, () => {
  test(
    'of a viewer change nothing, and show nothing personal',
    async () => {
      const everybody = [...guarded, ...victims, room.vic.user].map(({ userId }) =>
        asUserId(userId),
      );
      const now = async () => [
        await rulersNow(),
        ...(await Promise.all(everybody.map(async (user) => accountNow(user)))),
        (await api.registrationTokens.list()).map(({ token }) => token).sort(),
      ];
      const before = await now();
      const since = room.ana.events.length;
      const statuses = await typeLines(room.vic, lines.viewer);
      expect(await now()).toEqual(before);
      const told = said(since);
      expect(told).not.toContain('@hidden.example');
      // What was typed is quoted in refusals; it is never found.
      expect(told).not.toMatch(new RegExp(`"token":"${registrationToken}"`, 'u'));
      for (const secret of await secretsTold()) {
        expect(told).not.toContain(secret);
      }
      // It was no test where nothing had come through.
      expect([...statuses.keys()]).toEqual(expect.arrayContaining(['denied', 'done', 'usage']));
    },
    maxMs + 240_000,
  );

  test(
    'of a moderator, confirmed, give nobody a right and tell no secret',
    async () => {
      const before = await rulersNow();
      const statuses = await typeLines(room.ben, lines.moderator, async (answers) => {
        const codes = answers.flatMap(({ field }) => field.confirmation?.code ?? []);
        await Promise.all(codes.map(async (code) => room.ben.ask(`!confirm ${code}`)));
      });
      expect(await rulersNow()).toEqual(before);
      for (const user of [root, ex, listed]) {
        // The password is the one it always was.
        await expect(user.login()).resolves.toMatchObject({ userId: user.userId });
      }
      const secrets = await secretsTold();
      const told = said();
      expect(secrets.filter((secret) => told.includes(secret))).toEqual([]);
      expect([...statuses.keys()]).toEqual(
        expect.arrayContaining(['denied', 'done', 'pending', 'protected']),
      );
      expect(secrets.length).toBeGreaterThan(1);
    },
    maxMs + 240_000,
  );
});
