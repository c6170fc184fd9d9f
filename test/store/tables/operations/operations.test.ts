import { expect, test } from 'vitest';

import { openStore } from '../../../../src/store/store.ts';
import { createTestDatabase } from '../../../support/test-database.ts';

test('an operation is finished with an account when nothing of it waits or runs', async () => {
  await using database = await createTestDatabase();
  const store = await openStore(database.place);
  const steps = [0, 1].flatMap((position) =>
    [0, 1, 2].map((step) => ({ position, step, target: `@u${position}:localhost` })),
  );
  const finished = await store.transaction(async ({ operations, operationTargets }) => {
    const started = {
      actor: '@ben:localhost',
      command: 'takedown',
      eventId: '$asked',
      invocation: '{}',
      roomId: '!room:localhost',
      danger: 'destructive',
    };
    const id = (await operations.start(started, 1)) ?? 0;
    await operationTargets.add(id, steps);
    const counts = [await operationTargets.progress(id)];
    for (const [at, state] of (
      ['done', 'failed', 'in_flight', 'done', 'skipped', 'done'] as const
    ).entries()) {
      await operationTargets.set(id, steps[at] ?? { position: 9, step: 9 }, { state });
      counts.push(await operationTargets.progress(id));
    }
    return counts;
  });
  expect(finished).toEqual([0, 0, 0, 0, 0, 0, 1].map((count) => ({ targets: 2, finished: count })));
  await store.close();
});

test('timers that are due at the same time stand in their order', async () => {
  await using database = await createTestDatabase();
  const store = await openStore(database.place);
  const ids = await store.transaction(async ({ auditLog, timers }) => {
    const added: number[] = [];
    for (let at = 0; at < 4; at += 1) {
      const shared = { eventId: '$asked', roomId: '!room:localhost' };
      const intentId = await auditLog.begin(
        { ...shared, actor: '@ben:localhost', command: 'lock', arguments: {}, target: '@u:x' },
        1,
      );
      const timer = { ...shared, line: 'unlock @u:x', runAt: 9, askedBy: '@ben:localhost' };
      added.push(await timers.add({ ...timer, intentId, createdAt: 1 }));
    }
    return added;
  });
  // PostgreSQL writes a row whose index changes at the end of its table.
  await database.execute(
    `UPDATE operations SET event_id = event_id || '-' WHERE id IN (${ids[0]}, ${ids[2]})`,
  );
  const numbers = (found: readonly { readonly id: number }[]) => found.map(({ id }) => id);
  expect(numbers(await store.timers.ofEvent('$asked'))).toEqual(ids);
  expect(numbers(await store.timers.scheduledFor('@u:x'))).toEqual(ids);
  await store.close();
});
