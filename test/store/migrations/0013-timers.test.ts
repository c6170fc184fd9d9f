import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openStore } from '../../../src/store/store.ts';
import { makeOldDatabase } from '../../support/old-database.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-timers-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('timers of a database from before keep their numbers, and one that was interrupted goes on', async () => {
  const file = path.join(folder, 'old.db');
  await makeOldDatabase(file, '0012-daily-sums');
  const old = new Database(file);
  old.exec(`
    INSERT INTO audit_log (id, kind, at, actor, command, arguments, event_id, room_id, previous_hash, hash)
      VALUES (1, 'intent', 5, '@ana:x', 'shadow-ban', '{}', '$1', '!r', '', 'h');
    INSERT INTO jobs VALUES
      (4, 'unshadow-ban @m:x', 60, 'waiting', '@ana:x', 1, '$1', '!r', 5, NULL),
      (9, 'unlock @m:x', 50, 'done', '@ana:x', 1, '$2', '!r', 5, 51);
    INSERT INTO executions VALUES ('timer:4', json_object('command', 'unshadow-ban', 'actor',
      json_object('kind', 'timer', 'job', 4, 'user', '@ana:x')), NULL, 60, NULL)`);
  old.close();

  const store = await openStore(file);
  try {
    expect(await store.timers.waiting()).toMatchObject([{ id: 4, line: 'unshadow-ban @m:x' }]);
    expect(await store.timers.get(9)).toMatchObject({ state: 'done' });
    const [open] = await store.executions.open();
    expect(JSON.parse(open?.invocation ?? '')).toMatchObject({
      actor: { kind: 'timer', timer: 4, user: '@ana:x' },
    });
    expect(
      await store.timers.add({
        line: 'unlock @m:x',
        runAt: 70,
        askedBy: '@ana:x',
        intentId: 1,
        eventId: '$3',
        roomId: '!r',
        createdAt: 6,
      }),
    ).toBe(10);
  } finally {
    await store.close();
  }
});
