import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openStore } from '../../../src/store/store.ts';
import type { Store } from '../../../src/store/store.ts';
import { forgetting, leftOf } from '../../../src/store/tables/audit/audit-chain.ts';
import type { AuditRow } from '../../../src/store/tables/audit/audit-chain.ts';
import { writeOldAuditRows } from '../../support/old-audit-rows.ts';
import { makeOldDatabase } from '../../support/old-database.ts';

let folder: string;
let file: string;
let store: Store | undefined;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-0016-'));
  file = path.join(folder, 'lawspeaker.db');
  await makeOldDatabase(file, '0015-sign-up-waves');
});
afterEach(async () => {
  await store?.close();
  store = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function begin(): Promise<number> {
  const intent = { actor: '@ana:x', command: 'lock', arguments: {}, eventId: '$n', roomId: '!r:x' };
  return (store as Store).transaction(async ({ auditLog }) => auditLog.begin(intent, 1));
}

function change(work: (db: Database.Database) => void): void {
  const db = new Database(file);
  work(db);
  db.close();
}

/** Takes the target out of a row, as forgetting does. */
async function forgetTarget(id: number): Promise<void> {
  const left: Record<string, string> = {};
  change((db) => {
    const row = db.prepare('SELECT * FROM audit_log WHERE id = ?').get(id) as AuditRow;
    const columns = forgetting(row, { target: 'nobody' });
    db.prepare('UPDATE audit_log SET target = @target, salts = @salts WHERE id = @id').run({
      ...columns,
      id,
    });
    left[id] = leftOf({ ...row, ...columns });
  });
  const intent = {
    actor: '@ana:x',
    command: 'forget',
    arguments: {},
    eventId: '$f',
    roomId: '!r:x',
  };
  await (store as Store).transaction(async ({ auditLog }) => {
    await auditLog.finish(await auditLog.begin(intent, 1), { status: 'done', detail: { left } }, 1);
  });
}

test('old entries keep their hashes, and new ones continue the chain', async () => {
  writeOldAuditRows(file, 1203);
  store = await openStore(file);
  const before = await store.auditLog.end();
  expect(await store.auditLog.verify(before && [before])).toMatchObject({
    count: 1203,
    fault: undefined,
  });
  expect(await begin()).toBe(1204);
  await begin();
  expect(await store.auditLog.verify(before && [before])).toMatchObject({
    count: 1205,
    fault: undefined,
  });
});

test('old entries can be forgotten, and what is left of them can’t be changed', async () => {
  writeOldAuditRows(file, 5);
  store = await openStore(file);
  await begin();
  await forgetTarget(2);
  expect((await store.auditLog.verify()).fault).toBeUndefined();
  change((db) => {
    db.exec('DROP TRIGGER audit_log_no_rewrite');
    db.prepare(`UPDATE audit_log SET actor = '@eve:x' WHERE id = 2`).run();
  });
  expect((await store.auditLog.verify()).fault).toEqual({ id: 2, kind: 'changed' });
});

test('without the note of the migration, new entries continue the chain all the same', async () => {
  writeOldAuditRows(file, 5);
  store = await openStore(file);
  change((db) => db.exec(`DELETE FROM sync_state WHERE name = 'audit_old_rows'`));
  await begin();
  expect(await store.auditLog.verify()).toMatchObject({ count: 6, fault: undefined });
});

test('an empty log starts anew', async () => {
  store = await openStore(file);
  await begin();
  expect(await store.auditLog.verify()).toMatchObject({ count: 1, fault: undefined });
});
