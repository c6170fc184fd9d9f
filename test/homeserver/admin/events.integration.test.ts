import { beforeAll, describe, expect, test } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import type { RoomId } from '../../../src/core/ids.ts';
import { adminApi, asEventId, asRoomId, idOf, newRoom, newUser } from '../../support/homeserver.ts';

const { events } = adminApi();
const unknownEvent = asEventId(`$${'x'.repeat(43)}`);
const unknownRoom = asRoomId(`!${'x'.repeat(43)}`);

let owner: MatrixUser;
let mallory: MatrixUser;
let room: RoomId;
beforeAll(async () => {
  [owner, mallory] = [await newUser('owner'), await newUser('mallory')];
  room = await newRoom(owner);
  await mallory.join(room);
});

describe('GET /_synapse/admin/v1/rooms/{room_id}/context/{event_id}', () => {
  test('shows an event of a room that the caller is not in', async () => {
    const event = asEventId(await mallory.sendText(room, 'buy cheap'));
    const placed = await events.find(room, event);
    expect(placed?.event).toMatchObject({
      eventId: event,
      type: 'm.room.message',
      sender: mallory.userId,
      stateKey: null,
      content: { msgtype: 'm.text', body: 'buy cheap' },
      redactedBecause: null,
      lastEdit: null,
    });
    expect(Math.abs((placed?.event.originServerTs ?? 0) - Date.now())).toBeLessThan(60_000);
    await expect(events.isRedacted(room, event)).resolves.toBe(false);
  });

  test('shows what took it back, and not what it said', async () => {
    const event = asEventId(await mallory.sendText(room, 'buy cheap'));
    await owner.redact(room, event, 'spam');
    const placed = await events.find(room, event);
    expect(placed?.event).toMatchObject({
      content: {},
      redactedBecause: { sender: owner.userId, content: { reason: 'spam' } },
    });
    await expect(events.isRedacted(room, event)).resolves.toBe(true);
  });

  test('shows the last edit', async () => {
    const event = asEventId(await mallory.sendText(room, 'nice'));
    for (const body of ['nasty', 'nastier']) {
      await mallory.send(room, 'm.room.message', {
        msgtype: 'm.text',
        body: `* ${body}`,
        'm.new_content': { msgtype: 'm.text', body },
        'm.relates_to': { rel_type: 'm.replace', event_id: event },
      });
    }
    const placed = await events.find(room, event);
    expect(placed?.event.lastEdit?.content['m.new_content']).toMatchObject({ body: 'nastier' });
  });

  test('nothing for an unknown event or room, and for an event of another room', async () => {
    const event = asEventId(await mallory.sendText(room, 'here'));
    const other = await newRoom(owner);
    await expect(events.find(room, unknownEvent)).resolves.toBeUndefined();
    await expect(events.find(unknownRoom, event)).resolves.toBeUndefined();
    await expect(events.find(other, event)).resolves.toBeUndefined();
    await expect(events.isRedacted(other, event)).resolves.toBeUndefined();
  });
});

describe('GET /_synapse/admin/v1/fetch_event/{event_id}', () => {
  test('says in which room an event is, and what it said, redacted or not', async () => {
    const event = asEventId(await mallory.sendText(room, 'buy cheap'));
    await owner.redact(room, event);
    await expect(events.fetch(event)).resolves.toMatchObject({
      type: 'm.room.message',
      sender: mallory.userId,
      roomId: room,
      content: { body: 'buy cheap' },
    });
  });

  test('nothing for an unknown event', async () => {
    await expect(events.fetch(unknownEvent)).resolves.toBeUndefined();
  });
});

describe('GET /_synapse/admin/v1/rooms/{room_id}/messages', () => {
  test('reads from an event in both directions, by type and sender', async () => {
    const quiet = await newRoom(owner);
    await mallory.join(quiet);
    const ids = [];
    for (const body of ['one', 'two', 'three']) {
      ids.push(asEventId(await mallory.sendText(quiet, body)));
      await owner.sendText(quiet, `no ${body}`);
    }
    const [one, two, three] = ids;
    const placed = await events.find(quiet, two ?? unknownEvent);
    const query = {
      from: placed?.place ?? '',
      limit: 10,
      types: ['m.room.message'],
      senders: [idOf(mallory)],
    };
    const before = await events.page(quiet, { ...query, dir: 'b' });
    expect(before.map(({ eventId }) => eventId)).toEqual([two, one]);
    const behind = await events.page(quiet, { ...query, dir: 'f' });
    expect(behind.map(({ eventId }) => eventId)).toEqual([three]);
  });

  test('sees what was sent at the same time, which the context of an event leaves out', async () => {
    const busy = await newRoom(owner);
    await mallory.join(busy);
    const sent = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => mallory.sendText(busy, `${at}`)),
    );
    for (const id of sent) {
      const placed = await events.find(busy, asEventId(id));
      const pages = await Promise.all(
        (['b', 'f'] as const).map(async (dir) =>
          events.page(busy, {
            from: placed?.place ?? '',
            dir,
            limit: 50,
            types: ['m.room.message'],
            senders: [idOf(mallory)],
          }),
        ),
      );
      const seen = pages.flat().map(({ eventId }) => eventId);
      expect(seen.sort()).toEqual([...sent].sort());
    }
  });
});

describe('GET /_synapse/admin/v1/rooms/{room_id}/state', () => {
  test('shows the state of one type', async () => {
    await expect(events.state(room, 'm.room.create')).resolves.toMatchObject([
      { type: 'm.room.create', stateKey: '', sender: owner.userId },
    ]);
    await expect(events.state(room, 'm.room.topic')).resolves.toEqual([]);
    const members = await events.state(room, 'm.room.member');
    expect(members.map(({ stateKey }) => stateKey).sort()).toEqual(
      [owner.userId, mallory.userId].sort(),
    );
  });

  test('404 for an unknown room', async () => {
    await expect(events.state(unknownRoom, 'm.room.create')).rejects.toMatchObject({ status: 404 });
  });
});
