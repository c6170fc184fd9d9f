import { expect, test } from 'vitest';

import { createSerialQueue } from '../../../src/core/async/serial-queue.ts';

test('runs one task after another, in order', async () => {
  const queue = createSerialQueue();
  const first = Promise.withResolvers<void>();
  const events: string[] = [];
  const results = [
    queue.run(async () => {
      events.push('first starts');
      await first.promise;
      events.push('first ends');
      return 1;
    }),
    queue.run(async () => {
      events.push('second starts');
      return 2;
    }),
  ];
  await Promise.resolve();
  expect(events).toEqual(['first starts']);
  first.resolve();
  await expect(Promise.all(results)).resolves.toEqual([1, 2]);
  expect(events).toEqual(['first starts', 'first ends', 'second starts']);
});

test('a task that fails tells its caller, and the next one runs', async () => {
  const queue = createSerialQueue();
  const failing = queue.run(async () => Promise.reject(new Error('failed')));
  const next = queue.run(async () => 'done');
  await expect(failing).rejects.toThrow('failed');
  await expect(next).resolves.toBe('done');
});
