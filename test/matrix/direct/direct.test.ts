import { beforeEach, expect, test } from 'vitest';

import { HomeserverError } from '../../../src/core/errors.ts';
import { clearText } from '../../../src/matrix/crypto/room-crypto.ts';
import { createDirectMessages } from '../../../src/matrix/direct/direct.ts';
import { fakeClient } from '../../support/fake-client.ts';
import { asRoomId, asUserId } from '../../support/homeserver.ts';

const botUser = asUserId('@lawspeaker:localhost');
const ben = asUserId('@ben:localhost');
const known = asRoomId('!known:localhost');
const fresh = asRoomId('!fresh:localhost');

const event = (type: string, content: object, state_key = '') => ({ type, state_key, content });
const member = (user: string, membership: string) => event('m.room.member', { membership }, user);
const privateState = [
  member(botUser, 'join'),
  member(ben, 'join'),
  event('m.room.join_rules', { join_rule: 'invite' }),
  event('m.room.history_visibility', { history_visibility: 'joined' }),
  event('m.room.power_levels', { users: { [botUser]: 100 }, invite: 100, state_default: 100 }),
];

/** What new rooms were made of, and where secrets were sent. */
let made: unknown[];
let told: string[];
beforeEach(() => {
  made = [];
  told = [];
});

/** Tells Ben a secret; the room that is remembered for him has this state. */
async function tell(readState: () => readonly object[]): Promise<void> {
  const client = fakeClient(({ path, body }) => {
    if (path.endsWith('/createRoom')) {
      made.push(body);
      return { room_id: fresh };
    }
    return path.includes(encodeURIComponent(fresh)) ? privateState : readState();
  });
  const remembered = new Map<string, string | undefined>([[`direct.${ben}`, known]]);
  const direct = createDirectMessages({
    client,
    crypto: clearText(async () => false),
    store: {
      get: async (name) => remembered.get(name),
      set: async (name, value) => {
        remembered.set(name, value);
      },
    },
    secrets: {
      send: async ({ room }) => {
        told.push(room);
        return () => undefined;
      },
      removeEarlier: async () => undefined,
    },
    botUser,
    join: async () => undefined,
    clock: () => '12:00',
  });
  const send = await direct.open(ben);
  await send(['the password']);
}

test('a secret is told in the direct room where the two are alone', async () => {
  await tell(() => privateState);
  expect({ made, told }).toEqual({ made: [], told: [known] });
});

test.for(['join', 'invite', 'knock'])(
  'where a third person has the membership %s, a new room is made for the secret',
  async (membership) => {
    await tell(() => [...privateState, member('@eve:localhost', membership)]);
    expect(made).toHaveLength(1);
    expect(told).toEqual([fresh]);
  },
);

test('in a new room nobody but the bot can invite or change the state', async () => {
  await tell(() => []);
  expect(made).toMatchObject([
    {
      preset: 'private_chat',
      invite: [ben],
      power_level_content_override: { invite: 100, state_default: 100 },
    },
  ]);
});

/** A room that can't be read, because the homeserver answers with this status. */
const failing = (status: number) => () => {
  throw new HomeserverError(status, 'M_UNKNOWN', 'GET /_matrix/client/v3/rooms/{roomId}/state');
};

test('a room that the bot has left is replaced', async () => {
  await tell(failing(403));
  expect(told).toEqual([fresh]);
});

test.for([429, 502])(
  'a room is not replaced because the homeserver answers with %i',
  async (status) => {
    await expect(tell(failing(status))).rejects.toThrow(HomeserverError);
    expect({ made, told }).toEqual({ made: [], told: [] });
  },
);
