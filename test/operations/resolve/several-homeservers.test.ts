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
