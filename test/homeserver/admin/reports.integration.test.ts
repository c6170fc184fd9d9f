import { describe, expect, test } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import type { EventReport } from '../../../src/homeserver/admin/event-reports.ts';
import { adminApi, idOf, newRoom, newUser } from '../../support/homeserver.ts';

const { reports, rooms } = adminApi();

const notFound = { status: 404, isNotFound: true };
const noSuchId = 4_000_000_000;

/** Some messages of a spammer's in a room of its own, each reported once. */
async function reported(count: number): Promise<{
  spammer: MatrixUser;
  reporter: MatrixUser;
  room: Awaited<ReturnType<typeof newRoom>>;
  events: string[];
}> {
  const [spammer, reporter] = [await newUser('spammer'), await newUser('reporter')];
  const room = await newRoom(spammer, { preset: 'public_chat', name: 'Spam' });
  await reporter.join(room);
  const events: string[] = [];
  for (let number = 0; number < count; number++) {
    const event = await spammer.sendText(room, `spam ${number}`);
    await reporter.reportEvent(room, event, { reason: `reason ${number}`, score: -number });
    events.push(event);
  }
  return { spammer, reporter, room, events };
}

describe('GET /_synapse/admin/v1/event_reports', () => {
  test('lists what was reported', async () => {
    const { spammer, reporter, room, events } = await reported(1);
    const page = await reports.events.list({ roomId: room });
    expect(page).toMatchObject({ total: 1, nextToken: null });
    expect(page.eventReports).toMatchObject([
      {
        id: expect.any(Number),
        roomId: room,
        eventId: events[0],
        userId: reporter.userId,
        sender: spammer.userId,
        reason: 'reason 0',
        score: 0,
        name: 'Spam',
        canonicalAlias: null,
      },
    ]);
    const receivedTs = page.eventReports[0]?.receivedTs ?? 0;
    expect(Math.abs(receivedTs - Date.now())).toBeLessThan(60_000);
  });

  test('the newest first, or the oldest, page by page', async () => {
    const { room, spammer, reporter, events } = await reported(5);
    const page = await reports.events.list({ roomId: room, limit: 2 });
    expect(page).toMatchObject({ total: 5, nextToken: 2 });
    const newest = await Array.fromAsync(reports.events.all({ roomId: room, limit: 2 }));
    expect(eventIds(newest)).toEqual([...events].reverse());
    const oldest = await Array.fromAsync(
      reports.events.all({ senderId: spammer.userId, dir: 'f', limit: 3 }),
    );
    expect(eventIds(oldest)).toEqual(events);
    const byReporter = await reports.events.list({ userId: reporter.userId });
    expect(byReporter.total).toBe(5);
  });

  test('a reporter is searched as a part, an author exactly', async () => {
    const { spammer, reporter } = await reported(1);
    const part = await reports.events.list({ userId: reporter.account.localpart.toUpperCase() });
    expect(part.total).toBe(1);
    const exact = await reports.events.list({ senderId: spammer.account.localpart });
    expect(exact.total).toBe(0);
  });

  test('reason and score can be missing', async () => {
    const { spammer, reporter, room } = await reported(0);
    const event = await spammer.sendText(room, 'spam');
    await reporter.reportEvent(room, event);
    const page = await reports.events.list({ roomId: room });
    expect(page.eventReports).toMatchObject([{ eventId: event, reason: null, score: null }]);
  });

  test('never asks for a page of 0', async () => {
    await expect(reports.events.list({ limit: 0 })).rejects.toThrow(RangeError);
  });

  function eventIds(all: readonly EventReport[]): string[] {
    return all.map(({ eventId }) => eventId);
  }
});

describe('GET /_synapse/admin/v1/event_reports/{report_id}', () => {
  test('shows the event as it was sent, also after a redaction', async () => {
    const { spammer, room, events } = await reported(1);
    const [event = ''] = events;
    const id = await firstId(room);
    await spammer.redact(room, event);
    await expect(reports.events.find(id)).resolves.toMatchObject({
      id,
      eventId: event,
      sender: spammer.userId,
      eventJson: { type: 'm.room.message', content: { body: 'spam 0' } },
    });
  });

  test('undefined for an unknown report', async () => {
    await expect(reports.events.find(noSuchId)).resolves.toBeUndefined();
  });

  test('undefined once the room is deleted, while the report can still be deleted', async () => {
    const { room } = await reported(1);
    const id = await firstId(room);
    await rooms.delete(room, { block: false });
    await expect.poll(async () => reports.events.find(id), { timeout: 10_000 }).toBeUndefined();
    await expect.poll(async () => rooms.find(room), { timeout: 10_000 }).toBeUndefined();
    await expect(reports.events.delete(id)).resolves.toBeUndefined();
  });

  test('400 for what is no number of a report', async () => {
    await expect(reports.events.find(-1)).rejects.toMatchObject({ status: 400 });
    await expect(reports.events.find(1.5)).rejects.toMatchObject({ status: 400 });
  });
});

describe('DELETE /_synapse/admin/v1/event_reports/{report_id}', () => {
  test('removes a report once', async () => {
    const { room } = await reported(1);
    const id = await firstId(room);
    await reports.events.delete(id);
    await expect(reports.events.find(id)).resolves.toBeUndefined();
    await expect(reports.events.delete(id)).rejects.toMatchObject(notFound);
  });
});

async function firstId(room: string): Promise<number> {
  const page = await reports.events.list({ roomId: room });
  return page.eventReports[0]?.id ?? Number.NaN;
}

/** Reports a user, as clients do it since Matrix 1.14. */
async function reportUser(reporter: MatrixUser, target: MatrixUser, reason: string): Promise<void> {
  const path = `/_matrix/client/v3/users/${encodeURIComponent(target.userId)}/report`;
  await reporter.request('POST', path, { json: { reason } });
}

describe('GET /_synapse/admin/v1/user_reports', () => {
  test('lists who was reported, page by page', async () => {
    const [target, reporter] = [await newUser('target'), await newUser('reporter')];
    for (const reason of ['a', 'b', 'c']) {
      await reportUser(reporter, target, reason);
    }
    const page = await reports.users.list({ targetUserId: target.userId, limit: 2 });
    expect(page).toMatchObject({ total: 3, nextToken: 2 });
    expect(page.userReports[0]).toMatchObject({
      id: expect.any(Number),
      targetUserId: target.userId,
      userId: reporter.userId,
      reason: 'c',
    });
    const all = await Array.fromAsync(
      reports.users.all({ userId: reporter.userId, dir: 'f', limit: 2 }),
    );
    expect(all.map(({ reason }) => reason)).toEqual(['a', 'b', 'c']);
  });

  test('never asks for a page of 0', async () => {
    await expect(reports.users.list({ limit: 0 })).rejects.toThrow(RangeError);
  });
});

describe('GET and DELETE /_synapse/admin/v1/user_reports/{report_id}', () => {
  test('show and remove a report', async () => {
    const [target, reporter] = [await newUser('target'), await newUser('reporter')];
    await reportUser(reporter, target, 'spam');
    const page = await reports.users.list({ targetUserId: target.userId });
    const id = page.userReports[0]?.id ?? Number.NaN;
    await expect(reports.users.find(id)).resolves.toMatchObject({
      id,
      targetUserId: idOf(target),
      reason: 'spam',
    });
    await reports.users.delete(id);
    await expect(reports.users.find(id)).resolves.toBeUndefined();
    await expect(reports.users.delete(id)).rejects.toMatchObject(notFound);
  });

  test('unknown reports', async () => {
    await expect(reports.users.find(noSuchId)).resolves.toBeUndefined();
    await expect(reports.users.delete(noSuchId)).rejects.toMatchObject(notFound);
  });
});
