import { rmSync } from 'node:fs';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { openStore } from '../../../src/store/store.ts';
import type { Store } from '../../../src/store/store.ts';
import type { NewReport } from '../../../src/store/tables/reports/add-reports.ts';
import { makeOldDatabase } from '../../support/old-database.ts';
import { createTestDatabase, onPostgres } from '../../support/test-database.ts';
import type { TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
let store: Store | undefined;

/** What version 0020 has on PostgreSQL. */
const asBefore = [
  `DELETE FROM kysely_migration WHERE name >= '0021-homeservers'`,
  'ALTER TABLE reports DROP COLUMN server',
  'ALTER TABLE reports ADD PRIMARY KEY (kind, report_id, received_ts, subject)',
  'CREATE INDEX reports_received ON reports (received_ts, kind, report_id, subject)',
  'ALTER TABLE report_items DROP COLUMN server',
  'ALTER TABLE sign_up_waves DROP COLUMN server',
  'CREATE UNIQUE INDEX sign_up_waves_open ON sign_up_waves (rule) WHERE ended_at IS NULL',
];

beforeEach(async () => {
  database = await createTestDatabase();
  if (onPostgres) {
    await (await openStore(database.place)).close();
    await database.execute(...asBefore);
  } else {
    rmSync(database.place, { force: true });
    await makeOldDatabase(database.place, '0020-rules-again');
  }
});
afterEach(async () => {
  await store?.close();
  store = undefined;
  await database[Symbol.asyncDispose]();
});

const item = (kind: string, subject: string) => `
  INSERT INTO report_items (kind, subject, state, reports, last_report_at, created_at, opened_at, reopened,
    is_backlog, needs_look, needs_card, card, card_revision)
  VALUES ('${kind}', '${subject}', 'open', 1, 5, 5, 5, 0, 0, 0, 0, 'none', 0)`;
const report = (id: number, [kind, subject, reporter]: readonly [string, string, string]) => `
  INSERT INTO reports (kind, report_id, received_ts, subject, item_id, reporter, seen_at)
  SELECT '${kind}', ${id}, ${id * 1000}, '${subject}', max(id), '${reporter}', 5 FROM report_items`;
const wave = `
  INSERT INTO sign_up_waves (rule, started_at, newest_at, accounts, alerted_at, alerted_accounts, shown_accounts)
  VALUES ('wave', 1, 2, 30, 3, 30, 30)`;
const progress = `
  INSERT INTO sync_state (name, value) VALUES ('reports.event', '1'), ('reports.user', '2'), ('token', 't')`;

const listed: NewReport = {
  kind: 'user',
  reportId: 2,
  receivedTs: 2000,
  subject: '@mallory:example.org',
  reporter: '@vera:one.example',
  reason: null,
  score: null,
  roomId: null,
  roomName: null,
  sender: '@mallory:example.org',
};
const options = { isBacklog: false, isQuiet: false };

test('what is stored belongs to the only homeserver that there was, also if its reporters are forgotten', async () => {
  await database.execute(
    item('event', '$a'),
    report(1, ['event', '$a', '@vera:one.example']),
    item('user', '@forgotten-b:invalid'),
    report(2, ['user', '@forgotten-b:invalid', '@forgotten-b:invalid']),
    wave,
    progress,
  );
  store = await openStore(database.place);
  expect(await store.reports.inOrder(undefined, 10)).toMatchObject([
    { reportId: 1, server: 'one.example' },
    { reportId: 2, server: 'one.example' },
  ]);
  expect(await store.reportItems.search({}, { limit: 5 })).toMatchObject([
    { server: 'one.example' },
    { server: 'one.example' },
  ]);
  expect(await store.signUpWaves.open('wave', 'one.example')).toMatchObject({ accounts: 30 });
  expect(await store.signUpWaves.open('wave', 'two.example')).toBeUndefined();
  expect(await store.syncState.get('reports.event one.example')).toBe('1');
  expect(await store.syncState.get('reports.user one.example')).toBe('2');
  expect(await store.syncState.get('reports.user')).toBeUndefined();
  expect(await store.syncState.get('token')).toBe('t');
  // Each report was counted once, and still is.
  expect(await store.reports.count()).toBe(2);
  expect(await store.reports.add(listed, 7, options)).toBeUndefined();
  expect(
    await store.reports.add({ ...listed, reporter: '@vera:two.example' }, 7, options),
  ).toMatchObject({ isNewItem: true });
  expect(await store.reports.count()).toBe(3);
});

test('if all reporters are forgotten, their reports stay known, whatever the homeserver is called', async () => {
  await database.execute(
    item('user', '@forgotten-b:invalid'),
    report(2, ['user', '@forgotten-b:invalid', '@forgotten-b:invalid']),
    wave,
    progress,
  );
  store = await openStore(database.place);
  expect(await store.reports.inOrder(undefined, 10)).toMatchObject([{ server: '' }]);
  expect(await store.reports.add(listed, 7, options)).toBeUndefined();
  expect(await store.signUpWaves.open('wave', 'one.example')).toMatchObject({ accounts: 30 });
  // The lists are read again, as at the first start.
  expect(await store.syncState.get('reports.event')).toBeUndefined();
});

test('reports can be added to an empty database of before', async () => {
  store = await openStore(database.place);
  expect(await store.reports.add(listed, 7, options)).toMatchObject({ isNewItem: true });
  expect(await store.reportItems.search({ server: 'one.example' }, { limit: 5 })).toHaveLength(1);
});
