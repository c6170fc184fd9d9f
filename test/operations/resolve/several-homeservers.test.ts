import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { RoomId } from '../../../src/core/ids.ts';
import { masTraits } from '../../../src/services/accounts/traits.ts';
import type { RoomDetail } from '../../../src/services/services.ts';
import { sayTo } from '../../support/lock-server.ts';
import { here, openTwoHomeservers, there } from '../../support/two-homeservers.ts';

const mallory = `@mallory:${there}`;

let both: Awaited<ReturnType<typeof openTwoHomeservers>>;
let banned: string[];

beforeEach(async () => {
  both = await openTwoHomeservers();
  banned = [];
  const { services } = both.server.bot.context;
  const sanctionsOf = (serverName: string, rooms: readonly string[]) => ({
    ...services.sanctions,
    findRooms: async () => rooms as RoomId[],
    prospects: async (_: unknown, among: readonly RoomId[]) =>
      among.map((roomId) => ({
        room: { roomId, name: null, canonicalAlias: null } as RoomDetail,
        membership: 'join',
        why: undefined,
        needsPower: false,
      })),
    async ban({ room, user }: { room: string; user: string }) {
      banned.push(`${user} from ${room} by ${serverName}`);
      return { wasSo: false };
    },
    async unban({ room, user }: { room: string; user: string }) {
      banned.push(`${user} to ${room} by ${serverName}`);
      return { wasSo: false };
    },
  });
  Object.assign(both.server.bot.context, {
    services: {
      ...services,
      sanctions: sanctionsOf(here, ['!first:localhost']),
      directRooms: { ...services.directRooms, has: async () => false },
    },
  });
  both.servicesThere = { sanctions: sanctionsOf(there, ['!second:localhost']) };
});
afterEach(async () => both.server.bot.store.close());

const say = async (body: string) => sayTo(both.server, body);

describe('all rooms of a user', () => {
  test('are those that their homeserver knows, and undoing it is done there', async () => {
    await say(`!ban ${mallory} --all-rooms`);
    await say('!confirm');
    expect(banned).toEqual([`${mallory} from !second:localhost by ${there}`]);
    await say('!undo last');
    expect(banned.slice(1)).toEqual([`${mallory} to !second:localhost by ${there}`]);
  });

  test('of users of several homeservers are not mixed', async () => {
    const sent = await say(`!ban ${mallory} @eve:localhost --all-rooms`);
    expect(JSON.stringify(sent)).toContain('these users are on several homeservers');
    expect(banned).toEqual([]);
  });
});

describe('a room that its ID puts on no homeserver', () => {
  const room = `!${'a'.repeat(43)}`;

  test('is one of the first, whoever is banned from it', async () => {
    await say(`!ban ${mallory} ${room}`);
    await say('!confirm');
    expect(banned).toEqual([`${mallory} from ${room} by ${here}`]);
  });

  test('is one of the homeserver after --on, and the undo is done there', async () => {
    await say(`!ban @eve:localhost ${room} --on ${there}`);
    await say('!confirm');
    await say('!undo last');
    expect(banned).toEqual([
      `@eve:localhost from ${room} by ${there}`,
      `@eve:localhost to ${room} by ${there}`,
    ]);
  });
});

describe('after a change of the configuration', () => {
  const room = `!${'a'.repeat(43)}`;
  const eve = '@eve:elsewhere.example';

  /** The bot starts again. Commands without a homeserver were stored when `here` was the first. */
  function configure(first: string, ...others: readonly string[]): void {
    const { context } = both.server.bot;
    const servicesOfFirst = both.servicesThere;
    both.servicesThere = { sanctions: context.services.sanctions };
    both.configure(first, ...others);
    Object.assign(context, {
      settings: { ...context.settings, serverName: first, unnamedServer: here },
      services: { ...context.services, ...servicesOfFirst },
    });
  }

  test('a confirmation is about the homeserver for which it was asked', async () => {
    await say(`!ban ${eve} @kim:elsewhere.example ${room}`);
    expect(banned).toEqual([]);
    configure(there, here);
    await say('!confirm');
    expect(banned.toSorted((one, other) => one.localeCompare(other))).toEqual([
      `${eve} from ${room} by ${here}`,
      `@kim:elsewhere.example from ${room} by ${here}`,
    ]);
  });

  test('what was done before is undone where it was done', async () => {
    await say(`!ban ${eve} ${room}`);
    configure(there, here);
    await say('!undo last');
    expect(banned.slice(1)).toEqual([`${eve} to ${room} by ${here}`]);
  });

  test('new commands are about the new first, and so is their undo', async () => {
    configure(there, here);
    await say(`!ban ${eve} ${room}`);
    await say('!undo last');
    expect(banned).toEqual([`${eve} from ${room} by ${there}`, `${eve} to ${room} by ${there}`]);
  });

  test('nothing is done if its homeserver is not there any more', async () => {
    await say(`!ban ${eve} @kim:elsewhere.example ${room}`);
    configure(there);
    const sent = await say('!confirm');
    expect(JSON.stringify(sent)).toContain(`${here} is not among my homeservers any more`);
    expect(banned).toEqual([]);
    await say(`!ban ${eve} ${room}`);
    expect(banned).toEqual([`${eve} from ${room} by ${there}`]);
  });
});

test('a room with an alias of another server is one of the homeserver in its ID', async () => {
  Object.assign(both.server.bot.context, { resolveAlias: async () => '!room:two.example' });
  await say('!ban @eve:elsewhere.example #room:elsewhere.example');
  await say('!confirm');
  await say('!undo last');
  expect(banned).toEqual([
    `@eve:elsewhere.example from !room:two.example by ${there}`,
    `@eve:elsewhere.example to !room:two.example by ${there}`,
  ]);
});

test('bare names in a file are users of the same homeserver as those in the command', async () => {
  Object.assign(both.server.bot.context, { readFile: async () => 'sam\n' });
  const line = '!ban kim !room:two.example --from-file';
  const sent = JSON.stringify(await sayTo(both.server, line, { replyTo: '$file' }));
  expect(sent).toContain('@kim:localhost');
  expect(sent).toContain('@sam:localhost');
});

test('an admin of another homeserver of ours is protected from a sanction in a room here', async () => {
  both.server.admins.add(mallory);
  const [sent] = await say(`!ban ${mallory} !room:localhost`);
  expect(JSON.stringify(sent)).toContain(`${mallory} is a server admin`);
  expect(sent).toMatchObject({ reply: { status: 'protected' } });
});

const noEffect = 'shadow-banning has no effect';

test('what is impossible on one homeserver is possible on another', async () => {
  const { accounts } = both.server.bot.context.services;
  both.servicesThere = { accounts: { ...accounts, traits: masTraits } };
  expect(JSON.stringify(await say(`!shadow-ban ${mallory}`))).toContain(noEffect);
  const sent = await say('!shadow-ban @eve:localhost');
  expect(JSON.stringify(sent)).not.toContain(noEffect);
});

test('a confirmation of many accounts says how many are on which homeserver', async () => {
  const users = Array.from({ length: 12 }, (_, at) => `@u${at}:${at < 9 ? here : there}`);
  const [question] = await say(`!lock ${users.join(' ')}`);
  expect(JSON.stringify(question)).toContain(
    '"On ",{"kind":"code","text":"localhost"},": 9"," · ","on ",{"kind":"code","text":"two.example"},": 3"',
  );
  const [other] = await say(`!lock ${users.map((user) => user.replace(there, here)).join(' ')}`);
  expect(JSON.stringify(other)).not.toContain('"On "');
});
