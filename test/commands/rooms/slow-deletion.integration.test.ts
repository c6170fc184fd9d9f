import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { newRoom, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import { startStandIn } from '../../support/stand-in.ts';
import type { StandIn } from '../../support/stand-in.ts';

/** How the homeserver says the deletion stands; it begins none where it is set. */
let state: 'active' | 'failed' | 'complete' | undefined;
let isGone = false;
let deleted = 0;
let standIn: StandIn;
let room: TestRoom;
beforeAll(async () => {
  // Real deletions end before anybody can look.
  standIn = await startStandIn(({ method, path }) => {
    if (method === 'DELETE' && path.includes('/v2/rooms/')) {
      deleted += 1;
      state = 'active';
      return { delete_id: 'abc' };
    }
    if (path.includes('/rooms/delete_status/')) {
      return { delete_id: 'abc', status: state };
    }
    if (path.endsWith('/scheduled_tasks')) {
      const task = { id: 'abc', action: 'shutdown_and_purge_room', status: state, timestamp_ms: 1 };
      return { scheduled_tasks: state === undefined ? [] : [task] };
    }
    return isGone && path.includes('/v1/rooms/')
      ? { status: 404, body: { errcode: 'M_NOT_FOUND', error: 'Room not found' } }
      : undefined;
  });
  // A minute is long for a test.
  const timing = { roomDeletion: { firstIntervalMs: 5, maxIntervalMs: 20, limitMs: 100 } };
  room = await openRoom({ homeserver: { adminUrl: standIn.url } }, { timing });
});
beforeEach(() => {
  state = undefined;
  isGone = false;
  deleted = 0;
});
afterAll(async () => {
  await room.close();
  await standIn[Symbol.asyncDispose]();
});

/** The bot looks after open work when it starts, and now and then. */
async function lookAgain(): Promise<void> {
  await room.stopBot();
  await room.startBot();
}

describe('a deletion that takes longer than we wait', () => {
  it.for([
    ['complete', 'done'],
    ['failed', 'failed'],
  ] as const)('is running until it is %s, and then told as %s', async ([end, status]) => {
    const id = await newRoom(await newUser());
    const { confirmation, outcome } = await askAndRun(id);
    expect(outcome.field).toMatchObject({ status: 'running', data: { state: 'running' } });
    expect(outcome.body).toContain('⏳ Deleting room');

    await lookAgain();
    const again = await room.ana.ask(`!audit ${outcome.field.audit[0]}`);
    expect(again.field.data).toMatchObject({ status: 'running' });

    state = end;
    isGone = end === 'complete';
    await lookAgain();
    await room.ana.outcomeOf(confirmation, status);
    const entry = await room.ana.ask(`!audit ${outcome.field.audit[0]}`);
    expect(entry.field.data).toMatchObject({ status });
    expect(deleted).toBe(1);
  });
});

async function askAndRun(id: string) {
  const confirmation = await room.ana.ask(`!delete-room ${id}`);
  await room.ana.say(`!confirm ${confirmation.field.confirmation?.code ?? ''}`);
  return { confirmation, outcome: await room.ana.outcomeOf(confirmation, 'running') };
}
