import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { openCutOffRoom } from '../../support/cut-off.ts';
import type { CutOffRoom } from '../../support/cut-off.ts';
import { adminApi, asEventId, newRoom, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import { startStandIn } from '../../support/stand-in.ts';
import type { StandIn } from '../../support/stand-in.ts';

const { events, historyPurges } = adminApi();
const unknownRoom = `!${'x'.repeat(43)}`;
const start = ['POST', /\/v1\/purge_history\//] as const;

/** A room with two old messages, of which the last one stays, a time, and a newer message. */
async function oldRoom() {
  const owner = await newUser();
  const id = await newRoom(owner, { preset: 'public_chat', name: 'Old room' });
  const old = asEventId(await owner.sendText(id, 'old'));
  await owner.sendText(id, 'the last before that time');
  // Synapse goes by when it has stored an event: after the event's own time.
  const stored = Date.now();
  await expect.poll(() => Date.now()).toBeGreaterThan(stored);
  const time = new Date(stored + 1).toISOString();
  const newer = asEventId(await owner.sendText(id, 'newer'));
  return { id, old, newer, time };
}

describe('purge-history', () => {
  let place: CutOffRoom;
  let room: CutOffRoom['room'];
  beforeAll(async () => {
    place = await openCutOffRoom();
    ({ room } = place);
  });
  afterAll(async () => place[Symbol.asyncDispose]());

  it('shows what it would do, asks, and deletes', async () => {
    const { id, old, newer, time } = await oldRoom();
    const question = await room.ben.ask(`!purge-history ${id} --before ${time} --delete-local`);
    expect(question.field).toMatchObject({ command: 'purge-history', status: 'pending' });
    expect(question.body).toContain(`⚠️ Purge the history of Old room ${id}?`);
    expect(question.body).toContain('what users of other servers sent, and what users of this');
    expect(question.body).toContain('can’t be undone: no server may have another copy');
    expect(await events.find(id, old)).toBeDefined();
    await room.ben.ask('!confirm');
    const outcome = await room.ben.outcomeOf(question, 'done');
    expect(outcome.body).toContain(`✅ Purged the history of Old room ${id}`);
    const { purge_id: purgeId } = outcome.field.data as { purge_id: string };
    expect(await historyPurges.status(purgeId)).toMatchObject({ status: 'complete' });
    expect(await events.find(id, old)).toBeUndefined();
    expect(await events.find(id, newer)).toBeDefined();
    const audit = await room.ana.ask(`!audit ${outcome.field.audit[0]}`);
    expect(audit.field.data).toMatchObject({ target: id, detail: { server_job: purgeId } });
  });

  it('keeps what local users sent, without --delete-local', async () => {
    const { id, old, time } = await oldRoom();
    const question = await room.ben.ask(`!purge-history ${id} --before ${time}`);
    expect(question.body).toContain('Will not: delete what users of this server sent');
    await room.ben.ask('!confirm');
    await room.ben.outcomeOf(question, 'done');
    expect(await events.fetch(old)).toBeDefined();
  });

  it('says that nothing is older, and refuses what can’t be', async () => {
    const { id } = await oldRoom();
    const question = await room.ben.ask(`!purge-history ${id} --before 2020-01-01`);
    await room.ben.ask('!confirm');
    const outcome = await room.ben.outcomeOf(question, 'failed');
    expect(outcome.body).toContain('has no history from before that time');
    const future = await room.ben.ask(`!purge-history ${id} --before 2090-01-01`);
    expect(future.field).toMatchObject({ status: 'usage' });
    const missing = await room.ben.ask(`!purge-history ${id}`);
    expect(missing.field).toMatchObject({ status: 'usage' });
    const unknown = await room.ben.ask(`!purge-history ${unknownRoom} --before 1d`);
    expect(unknown.field).toMatchObject({ error: { code: 'unknown_room' } });
    expect((await room.vic.ask(`!purge-history ${id} --before 1d`)).field).toMatchObject({
      status: 'denied',
    });
  });

  it.for(['carried out', 'lost'] as const)('looks whether a call was %s', async (how) => {
    const { id, old, time } = await oldRoom();
    const question = await room.ana.ask(`!purge-history ${id} --before ${time} --delete-local`);
    const before = place.gate.count(...start);
    await place.cutOff('!confirm', start, how);
    await room.ana.outcomeOf(question, how === 'lost' ? 'failed' : 'done');
    expect((await events.find(id, old)) === undefined).toBe(how === 'carried out');
    expect(place.gate.count(...start)).toBe(before + 1);
  });
});

describe('a purge that takes longer than we wait', () => {
  let status: { status: string; error?: string } | undefined;
  let started = 0;
  let standIn: StandIn;
  let room: TestRoom;
  beforeAll(async () => {
    // Real purges end before anybody can look.
    standIn = await startStandIn(({ method, path }) => {
      if (method === 'POST' && path.includes('/v1/purge_history/')) {
        started += 1;
        status = { status: 'active' };
        return { purge_id: 'abc' };
      }
      return path.includes('/purge_history_status/') ? status : undefined;
    });
    const timing = { roomDeletion: { firstIntervalMs: 5, maxIntervalMs: 20, limitMs: 100 } };
    room = await openRoom({ homeserver: { adminUrl: standIn.url } }, { timing });
  });
  beforeEach(() => {
    started = 0;
  });
  afterAll(async () => {
    await room.close();
    await standIn[Symbol.asyncDispose]();
  });

  it.for([
    ['complete', 'done', 'Done: purge-history'],
    ['failed', 'failed', 'Synapse gave up the purge (400: topological)'],
  ] as const)('is followed over a restart until it is %s', async ([end, told, text]) => {
    const { id, time } = await oldRoom();
    const question = await room.ana.ask(`!purge-history ${id} --before ${time}`);
    await room.ana.say(`!confirm ${question.field.confirmation?.code ?? ''}`);
    const running = await room.ana.outcomeOf(question, 'running');
    expect(running.body).toContain('⏳ Purging the history of');

    await room.stopBot();
    status = { status: end, ...(end === 'failed' ? { error: '400: topological' } : {}) };
    await room.startBot();
    const outcome = await room.ana.outcomeOf(question, told);
    expect(outcome.body).toContain(text);
    expect(started).toBe(1);
  });
});
