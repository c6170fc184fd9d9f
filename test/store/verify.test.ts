import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';

let folder: string;
let file: string;
let store: Store;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-verify-'));
  file = path.join(folder, 'lawspeaker.db');
  store = await openStore(file);
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
  rmSync(folder, { recursive: true, force: true });
});

/** Somebody with access to the file: no trigger stops them. */
function tamper(...statements: string[]): void {
  const database = new Database(file);
  database.exec('DROP TRIGGER audit_log_no_update; DROP TRIGGER audit_log_no_delete;');
  database.pragma('foreign_keys = OFF');
  statements.forEach((statement) => database.exec(statement));
  database.close();
}

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
    tamper(...statements);
    expect((await store.auditLog.verify()).fault).toEqual(fault);
  });

  it('shows by its head that the end was cut off, to whoever has noted it', async () => {
    const before = await store.auditLog.verify();
    tamper('DELETE FROM audit_log WHERE id > 4');
    const after = await store.auditLog.verify();
    expect(after.fault).toBeUndefined();
    expect(after.head).not.toBe(before.head);
  });
});
