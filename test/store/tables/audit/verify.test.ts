import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openStore } from '../../../../src/store/store.ts';
import type { Store } from '../../../../src/store/store.ts';
import { createTestDatabase, onPostgres } from '../../../support/test-database.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

let database: TestDatabase;
let store: Store;

beforeEach(async () => {
  database = await createTestDatabase();
  store = await openStore(database.place);
  for (const target of ['@a:x', '@b:x', '@c:x']) {
    await store.transaction(async ({ auditLog }) => {
      const id = await auditLog.begin(
        {
          actor: '@ana:x',
          command: 'deactivate',
          arguments: {},
          target,
          eventId: `$${target}`,
          roomId: '!room:x',
        },
        1000,
      );
      await auditLog.finish(id, { status: 'done' }, 2000);
    });
  }
});
afterEach(async () => {
  await store.close();
  await database[Symbol.asyncDispose]();
});

/** Somebody with access to the database: no trigger stops them. */
const tamper = async (...statements: string[]) => database.tamper(...statements);

describe('verify', () => {
  it('finds an untouched log in order', async () => {
    const { count, fault, head } = await store.auditLog.verify();
    expect({ count, fault }).toEqual({ count: 6, fault: undefined });
    expect(head).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['an edit', ["UPDATE audit_log SET actor = '@eve:x' WHERE id = 3"], { id: 3, kind: 'changed' }],
    ['a gap', ['DELETE FROM audit_log WHERE id = 4'], { id: 4, kind: 'missing' }],
    ['a lost beginning', ['DELETE FROM audit_log WHERE id < 3'], { id: 1, kind: 'missing' }],
    [
      'a swap',
      [
        'UPDATE audit_log SET id = 100 WHERE id = 1',
        'UPDATE audit_log SET id = 1 WHERE id = 3',
        'UPDATE audit_log SET id = 3 WHERE id = 100',
      ],
      { id: 1, kind: 'changed' },
    ],
    [
      'an added entry',
      [
        `INSERT INTO audit_log (kind, at, actor, command, arguments, event_id, room_id, previous_hash, hash)
         SELECT kind, at, '@eve:x', command, arguments, event_id, room_id, previous_hash, hash
         FROM audit_log WHERE id = 1`,
      ],
      { id: 7, kind: 'changed' },
    ],
  ])('finds %s', async (_, statements, fault) => {
    await tamper(...statements);
    expect((await store.auditLog.verify()).fault).toEqual(fault);
  });

  describe('against an end that was noted', () => {
    const noted = async (id: number) => {
      const [row] = await database.read<{ hash: string }>(
        `SELECT hash FROM audit_log WHERE id = ${id}`,
      );
      return { count: id, head: row?.hash ?? '' };
    };

    it('finds in order what goes on from there', async () => {
      for (const id of [1, 5, 6]) {
        expect((await store.auditLog.verify([await noted(id)])).fault).toBeUndefined();
      }
    });

    it('finds that the end was cut off, which nothing else shows', async () => {
      const before = await noted(6);
      await tamper('DELETE FROM audit_log WHERE id > 4');
      expect((await store.auditLog.verify()).fault).toBeUndefined();
      expect((await store.auditLog.verify([before])).fault).toEqual({ id: 5, kind: 'missing' });
      expect((await store.auditLog.verify([await noted(4)])).fault).toBeUndefined();
    });

    it('finds that the end was cut off and others were put in its place', async () => {
      const before = await noted(6);
      await tamper(
        'DELETE FROM audit_log WHERE id > 4',
        onPostgres
          ? 'UPDATE audit_log_numbers SET last_id = 4'
          : "UPDATE sqlite_sequence SET seq = 4 WHERE name = 'audit_log'",
      );
      await store.transaction(async ({ auditLog }) => {
        const intent = { actor: '@eve:x', command: 'users', arguments: {} };
        const origin = { eventId: '$e', roomId: '!room:x' };
        await auditLog.begin({ ...intent, ...origin }, 3000);
        await auditLog.begin({ ...intent, ...origin }, 3000);
      });
      expect((await store.auditLog.verify()).fault).toBeUndefined();
      expect((await store.auditLog.verify([before])).fault).toEqual({ id: 6, kind: 'replaced' });
    });

    it('finds that all of it is gone', async () => {
      const before = await noted(6);
      await tamper('DELETE FROM audit_log');
      expect((await store.auditLog.verify([before])).fault).toEqual({ id: 1, kind: 'missing' });
    });
  });
});
