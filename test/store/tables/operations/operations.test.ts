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
