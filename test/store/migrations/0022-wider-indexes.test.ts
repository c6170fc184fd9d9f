import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openStore } from '../../../src/store/store.ts';
import { makeOldDatabase } from '../../support/old-database.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-indexes-'));
  file = path.join(folder, 'lawspeaker.db');
  await makeOldDatabase(file, '0021-homeservers');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const entry = `
  INSERT INTO audit_log (
    kind, at, actor, command, arguments, target, reason, event_id, room_id, status, previous_hash, hash
  )
  SELECT 'refusal', 1, '@ana:x', 'lock', '{}', '@mallory:x', 'Sent advertisements', '$e', '!m:x',
    'denied', '', ''`;

test('entries of before are found by words, beginnings and filters, and are in the history', async () => {
  const sqlite = new Database(file);
  sqlite.exec(entry);
  sqlite.close();
  const store = await openStore(file);
  for (const text of ['adv*', 'advertise*', 'advertisements', 'mallory:x']) {
    expect(await store.auditLog.search({ text, limit: 5 })).toHaveLength(1);
    expect(await store.auditLog.search({ text, by: '@ben:x', limit: 5 })).toHaveLength(0);
  }
  const subject = { kind: 'user', id: '@mallory:x' } as const;
  expect(await store.subjectHistory.page(subject, { limit: 5 })).toMatchObject({ total: 1 });
  await store.close();
});
