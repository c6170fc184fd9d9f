import { setTimeout as wait } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { createGiveWay } from '../../src/reports/give-way.ts';

test('a step waits until no command is in flight', async () => {
  const command = Promise.withResolvers<void>();
  const giveWay = createGiveWay(async () => command.promise);
  const steps: string[] = [];
  const step = giveWay().then(() => steps.push('step'));
  await wait(50);
  steps.push('answer');
  command.resolve();
  await step;
  expect(steps).toEqual(['answer', 'step']);
});

test('commands that never end do not starve reports', async () => {
  let asked = 0;
  const giveWay = createGiveWay(async () => {
    asked += 1;
    return new Promise(() => undefined);
  });
  const begin = performance.now();
  await Promise.all([giveWay(), giveWay()]);
  await giveWay();
  const tookMs = performance.now() - begin;
  expect(asked).toBe(2);
  expect(tookMs).toBeGreaterThan(550);
});

test('without commands, it takes no time', async () => {
  const giveWay = createGiveWay(async () => undefined);
  const begin = performance.now();
  for (let step = 0; step < 100; step += 1) {
    await giveWay();
  }
  // If each step waited, it would be 30 s. A busy machine pauses now and then.
  expect(performance.now() - begin).toBeLessThan(3000);
});
