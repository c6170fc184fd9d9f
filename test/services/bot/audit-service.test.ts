import { expect, test } from 'vitest';

import { createAuditService } from '../../../src/services/bot/audit-service.ts';
import type { Witness } from '../../../src/store/witness.ts';
import { openTestStore } from '../../support/test-database.ts';

test('the head of an entry is the newest of any place', async () => {
  const store = await openTestStore();
  const { chainOf } = createAuditService(store, {
    witnesses: [],
    formerWitnesses: async () => [],
    anchorEveryMs: 1000,
  });
  expect((await chainOf(1)).anchor).toBeUndefined();
  const head = 'a'.repeat(64);
  await store.transaction(async ({ anchor }) => {
    await anchor.set({ count: 12, head, at: 300 }, '!room:x');
    await anchor.set({ count: 11, head, at: 200 }, '/mnt/heads');
  });
  expect((await chainOf(1)).anchor).toMatchObject({ count: 12, at: 300 });
  await store.transaction(async ({ anchor }) => anchor.set({ count: 13, head, at: 400 }));
  expect((await chainOf(1)).anchor).toMatchObject({ count: 13, at: 400 });
  await store.close();
});

test('two who verify at the same time share one run, and the next is a new one', async () => {
  const store = await openTestStore();
  let reads = 0;
  const witness: Witness = {
    kind: 'file',
    place: '/mnt/heads',
    write: async () => undefined,
    async read() {
      reads += 1;
      return { heads: [], removed: [], unreadable: 0, isWhole: true };
    },
  };
  const { verify } = createAuditService(store, {
    witnesses: [witness],
    formerWitnesses: async () => [],
    anchorEveryMs: 1000,
  });
  const [one, other] = await Promise.all([verify(), verify()]);
  expect(one).toBe(other);
  expect(reads).toBe(1);
  await verify();
  expect(reads).toBe(2);
  await store.close();
});
