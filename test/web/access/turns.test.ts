import { expect, test } from 'vitest';

import { createTurns } from '../../../src/web/access/turns.ts';
import { ana, ben } from '../../support/page.ts';

test('two pages are made at once, and the others after them, in order', async () => {
  const turns = createTurns();
  const began: string[] = [];
  const ends: (() => void)[] = [];
  const take = async (name: string) =>
    turns.take(name.startsWith('ben') ? ben : ana, async () => {
      began.push(name);
      await new Promise<void>((resolve) => ends.push(resolve));
    });
  const all = ['ana 1', 'ana 2', 'ana 3', 'ben 1'].map(take);
  await expect.poll(() => began).toEqual(['ana 1', 'ana 2']);
  ends[1]?.();
  expect(await all[1]).toBe(true);
  await expect.poll(() => began).toEqual(['ana 1', 'ana 2', 'ana 3']);
  ends[0]?.();
  ends[2]?.();
  await expect.poll(() => began).toEqual(['ana 1', 'ana 2', 'ana 3', 'ben 1']);
  ends[3]?.();
  expect(await Promise.all(all)).toEqual([true, true, true, true]);
});

test('one person waits for at most 5, others still get theirs, and a fault makes room', async () => {
  const turns = createTurns();
  const first = Promise.withResolvers<void>();
  const waiting = [1, 2, 3, 4, 5].map(async () => turns.take(ana, async () => first.promise));
  expect(await turns.take(ana, async () => undefined)).toBe(false);
  const bens = turns.take(ben, async () => undefined);
  first.reject(new Error('gone'));
  expect((await Promise.allSettled(waiting)).every(({ status }) => status === 'rejected')).toBe(
    true,
  );
  expect(await bens).toBe(true);
  expect(await turns.take(ana, async () => undefined)).toBe(true);
});
