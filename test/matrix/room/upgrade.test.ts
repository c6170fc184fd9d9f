import { beforeEach, expect, test } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import { createMoves, followUpgrade } from '../../../src/matrix/room/upgrade.ts';
import { fakeClient } from '../../support/fake-client.ts';
import { asRoomId, asUserId } from '../../support/homeserver.ts';

const room = asRoomId('!old:localhost');
const replacement = asRoomId('!new:localhost');
const ana = asUserId('@ana:localhost');
const tombstone = { sender: ana, replacement };
const isAdmin = (user: string) => user === ana;

let predecessor: string;
let refusal: Error | undefined;
let calls: string[];
beforeEach(() => {
  predecessor = room;
  refusal = undefined;
  calls = [];
});

const client = fakeClient(({ path }) => {
  const action = path.split('/').at(-1) ?? '';
  if (!path.endsWith('/state')) {
    calls.push(path.includes('/join') ? 'join' : action);
    if (refusal !== undefined) {
      throw refusal;
    }
    return { room_id: replacement };
  }
  const content = { predecessor: { room_id: predecessor } };
  return [{ type: 'm.room.create', state_key: '', content }];
});

const follow = async (by: object = tombstone) =>
  followUpgrade(client, { room, tombstone: { ...tombstone, ...by } }, isAdmin);

test('the bot follows an admin into the room that names the old one as its predecessor', async () => {
  expect(await follow()).toEqual({ room: replacement });
  expect(calls).toEqual(['join']);
});

test.each(['@ben:localhost', 'nobody'])(
  'it does not even join where %s, who is not an admin, leads to',
  async (sender) => {
    expect(await follow({ sender })).toMatchObject({
      refused: `${sender}, who replaced it, does not have role admin there`,
    });
    expect(calls).toEqual([]);
  },
);

test('it leaves a room that names another predecessor', async () => {
  predecessor = '!another:localhost';
  expect(await follow()).toMatchObject({
    refused: 'that room does not name it as its predecessor',
  });
  expect(calls).toEqual(['join', 'leave']);
});

test.each([undefined, room])('it goes nowhere where the room is replaced by %s', async (to) => {
  expect(await follow({ replacement: to })).toMatchObject({
    refused: 'the upgrade does not name another room',
  });
  expect(calls).toEqual([]);
});

test('a room that it is not invited to is named, and a homeserver that is away is asked again', async () => {
  refusal = new HomeserverError(403, 'M_FORBIDDEN', 'POST /join');
  expect(await follow()).toMatchObject({
    advice: expect.stringContaining(`Invite the bot to ${replacement}`) as string,
  });
  refusal = new UnreachableError('POST /join', 'does not answer', false);
  await expect(follow()).rejects.toThrow(UnreachableError);
});

test('a move is remembered, and when it was the first time', async () => {
  const stored = new Map<string, string | undefined>();
  const store = {
    get: async (name: string) => stored.get(name),
    set: async (name: string, value: string | undefined) => void stored.set(name, value),
  };
  await createMoves(store).remember(room, replacement);
  const at = await createMoves(store).intoAt(replacement);
  expect(await createMoves(store).from(room)).toBe(replacement);
  expect(Math.abs(Date.now() - (at ?? 0))).toBeLessThan(10_000);
  stored.set(`movedInto.${replacement}`, '5');
  await createMoves(store).remember(room, replacement);
  expect(await createMoves(store).intoAt(replacement)).toBe(5);
  expect(await createMoves(store).intoAt(room)).toBeUndefined();
});
