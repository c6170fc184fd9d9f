import { beforeAll, describe, expect, test } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import type { EventId, RoomId } from '../../../src/core/ids.ts';
import type {
  UserRedaction,
  UserRedactionStatus,
} from '../../../src/homeserver/admin/redactions.ts';
import {
  adminApi,
  asEventId,
  asRoomId,
  asUserId,
  idOf,
  newRoom,
  newUser,
} from '../../support/homeserver.ts';

const { events, redactions, users } = adminApi();

let owner: MatrixUser;
let mallory: MatrixUser;
let room: RoomId;
beforeAll(async () => {
  [owner, mallory] = [await newUser('owner'), await newUser('mallory')];
  room = await newRoom(owner);
  await mallory.join(room);
});

/** Sends a message and returns it with the time that the server gave it. */
async function send(user: MatrixUser, where: RoomId, type = 'm.room.message') {
  const event = asEventId(await user.send(where, type, { msgtype: 'm.text', body: 'spam' }));
  return { event, ts: (await events.find(where, event))?.event.originServerTs ?? 0 };
}

/** Redacts and waits for the end. */
async function redact(
  user: MatrixUser,
  redaction: UserRedaction,
): Promise<UserRedactionStatus | undefined> {
  const id = await redactions.start(idOf(user), redaction);
  return expect
    .poll(async () => (await redactions.status(id))?.status)
    .toMatch(/complete|failed/)
    .then(async () => redactions.status(id));
}

const done = { status: 'complete', failedRedactions: {} };
const isRedacted = async (event: EventId, where = room) => events.isRedacted(where, event);

describe('POST /_synapse/admin/v1/user/{user_id}/redact', () => {
  test('takes the events between two times, both included, in the name of their sender', async () => {
    const sent = [await send(mallory, room), await send(mallory, room), await send(mallory, room)];
    const [before, meant, behind] = sent;
    const only = { rooms: [room], afterTs: meant?.ts, beforeTs: meant?.ts } as const;
    await expect(redact(mallory, { ...only, reason: 'spam', limit: 1 })).resolves.toEqual(done);
    const placed = await events.find(room, meant?.event ?? asEventId('$none'));
    expect(placed?.event.redactedBecause).toMatchObject({
      sender: mallory.userId,
      content: { reason: 'spam' },
    });
    await expect(isRedacted(before?.event ?? asEventId('$none'))).resolves.toBe(false);
    await expect(isRedacted(behind?.event ?? asEventId('$none'))).resolves.toBe(false);
  });

  test('works for who has left, is locked or deactivated', async () => {
    const gone = await newUser('gone');
    await gone.join(room);
    const one = await send(gone, room);
    await gone.leave(room);
    await expect(redact(gone, { rooms: [room] })).resolves.toEqual(done);
    await expect(isRedacted(one.event)).resolves.toBe(true);
    const locked = await newUser('locked');
    await locked.join(room);
    const two = await send(locked, room);
    await users.setLocked(idOf(locked), true);
    await redact(locked, { rooms: [room] });
    await expect(isRedacted(two.event)).resolves.toBe(true);
    const closed = await newUser('closed');
    await closed.join(room);
    const three = await send(closed, room);
    await users.deactivate(idOf(closed), { erase: true });
    await redact(closed, { rooms: [room] });
    await expect(isRedacted(three.event)).resolves.toBe(true);
  });

  test.each([
    ['10', "'redacts'"],
    ['11', undefined],
  ])('for a suspended account in a room of version %s: %s', async (version, failure) => {
    const old = await newRoom(owner, { preset: 'public_chat', room_version: version });
    const suspended = await newUser('suspended');
    await suspended.join(old);
    const { event } = await send(suspended, old);
    await users.setSuspended(idOf(suspended), true);
    const status = await redact(suspended, { rooms: [old] });
    const { failedRedactions } = status?.status === 'complete' ? status : {};
    expect(failedRedactions?.[event]).toBe(failure);
    await expect(isRedacted(event, old)).resolves.toBe(failure === undefined);
  });

  test('leaves alone what is no message and no join', async () => {
    const { event } = await send(mallory, room, 'org.example.poll');
    await expect(redact(mallory, { rooms: [room] })).resolves.toEqual(done);
    await expect(isRedacted(event)).resolves.toBe(false);
  });

  test('accepts unknown and remote users, and fails as a whole for an unknown room', async () => {
    const remote = asUserId('@somebody:remote.example');
    await expect(redactions.start(remote, { rooms: [room] })).resolves.toMatch(/./);
    const unknown = asRoomId(`!${'x'.repeat(43)}`);
    await expect(redact(mallory, { rooms: [unknown] })).resolves.toMatchObject({
      status: 'failed',
      error: expect.stringContaining('404') as string,
    });
  });

  test.each([{ afterTs: 0 }, { beforeTs: 0 }, { limit: 0 }, { afterTs: -1 }])(
    'never asks for %j, which would bound nothing',
    async (bound) => {
      await expect(redactions.start(idOf(mallory), { rooms: [room], ...bound })).rejects.toThrow(
        RangeError,
      );
    },
  );
});

describe('GET /_synapse/admin/v1/user/redact_status/{redact_id}', () => {
  test('nothing for an unknown one', async () => {
    await expect(redactions.status('unknown')).resolves.toBeUndefined();
  });
});
