import Database from 'better-sqlite3';

import type { RoomId, UserId } from '../../src/core/ids.ts';
import { createForgetService } from '../../src/services/bot/forget-service.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import { writeOldAuditRows } from './old-audit-rows.ts';
import { makeOldDatabase } from './old-database.ts';

const origin = { arguments: {}, eventId: '$e:x', roomId: '!r:x' };
const at = Date.UTC(2026, 10, 27);

/** Makes a database with rows in every table, also those of older versions, and texts of every kind. */
export async function makeFullDatabase(file: string): Promise<void> {
  await makeOldDatabase(file, '0015-sign-up-waves');
  writeOldAuditRows(file, 3);
  const store = await openStore(file);
  await addEverything(store);
  await forgetUser(store, '@trudy:x');
  await store.close();
  const db = new Database(file);
  db.exec(`
    INSERT INTO sign_up_waves (rule, started_at, newest_at, accounts, alerted_at, alerted_accounts, shown_accounts)
    VALUES ('wave', 1, 2, 3, 4, 5, 6);
    INSERT INTO damaged_rows (at, source, row_key, content, reason) VALUES (1, 'jobs', '7', '{', 'no JSON');
    UPDATE report_items SET room_name = 'a' || char(0) || 'b', note = '“é” 𝄞 ' || char(10) WHERE id = 1;
    -- Sums can count what is no longer there.
    INSERT INTO daily_counts (day, reports) VALUES (1, 7);
    UPDATE work_totals SET asked = asked + 7;
    UPDATE sqlite_sequence SET seq = 40 WHERE name = 'operations'`);
  db.close();
}

async function addEverything(store: Store): Promise<void> {
  await store.transaction(async (tables) => {
    for (const [number, target] of ['@mallory:x', '@trudy:x', '@𝄞:x'].entries()) {
      const intent = await tables.auditLog.begin(
        {
          ...origin,
          actor: '@ana:x',
          confirmer: '@ben:x',
          command: 'deactivate',
          arguments: { users: [target], note: 'a\0b “é”' },
          target,
          reason: `scam of ${target}`,
        },
        at + number,
      );
      await tables.auditLog.finish(intent, { status: 'failed', detail: { why: target } }, at + 9);
    }
    await tables.auditLog.begin({ ...origin, actor: 'timer:7', command: 'unlock' }, at);
    await tables.auditLog.refuse(
      { ...origin, actor: '@eve:x', command: 'lock' },
      { status: 'denied' },
      at,
    );
    const operation = {
      eventId: '$o:x',
      roomId: '!r:x',
      actor: '@ana:x',
      command: 'lock',
      danger: 'change',
      invocation: '{}',
    };
    const id = Number(await tables.operations.start(operation, at));
    await tables.operationTargets.add(
      id,
      ['@m:x', '@n:x'].map((target, position) => ({ position, step: 0, target })),
    );
    for (const event of ['$b:x', '$c:x', '$a:x']) {
      await tables.inbox.add(
        [{ eventId: event, type: 'm.room.message', sender: '@ana:x', event: '{}' }],
        at,
      );
    }
    await tables.outbox.add({ eventId: '$b:x', part: 'answer', message: '{"body":"é"}' }, at);
    await tables.secrets.add({
      id: 's1',
      room: '!d:x' as RoomId,
      user: '@ana:x' as UserId,
      dueAt: at,
    });
    await tables.syncState.set('token', 's1');
    for (const reportId of [1, 2]) {
      await tables.reports.add(
        {
          kind: 'event',
          reportId,
          receivedTs: at,
          subject: `$reported${reportId}`,
          reporter: '@rita:x',
          reason: 'spam',
          score: null,
          roomId: '!lobby:x',
          roomName: null,
          sender: '@mallory:x',
        },
        at,
        { isBacklog: false, isQuiet: false },
      );
    }
    await tables.reportItems.move(1, { state: 'claimed', by: '@ana:x', isShown: true }, at + 5);
    await tables.ruleMatches.add({ itemId: 1, rule: 'spam', mode: 'act' }, at);
    await tables.notes.add({ subject: '@mallory:x', text: 'scam', author: '@ana:x', at }, '$e:x');
    await tables.tags.add(
      { subject: '@mallory:x', name: 'spam', author: '@ana:x', at, expiresAt: null },
      '$e:x',
    );
  });
}

/** As the command does it. */
export async function forgetUser(store: Store, user: string): Promise<void> {
  const intent = await store.transaction(async ({ auditLog }) =>
    auditLog.begin({ ...origin, actor: '@ana:x', command: 'forget' }, at),
  );
  const request = { user: user as UserId, event: '$forget:x', entry: intent, now: at };
  const { as } = await createForgetService(store).forget(request);
  await store.transaction(async ({ auditLog }) =>
    auditLog.finish(intent, { status: 'done', detail: { as } }, at),
  );
}
