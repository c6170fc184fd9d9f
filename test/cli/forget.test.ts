import { afterEach, beforeEach, expect, test } from 'vitest';

import { forget } from '../../src/cli/forget.ts';
import { configSchema } from '../../src/config/schema.ts';
import { SetupError } from '../../src/core/errors.ts';
import { openStore } from '../../src/store/store.ts';
import { createTestDatabase, onPostgres } from '../support/test-database.ts';
import type { TestDatabase } from '../support/test-database.ts';

const [mallory, trudy] = ['@mallory:example.com', '@trudy:example.com'] as const;
const at = Date.UTC(2026, 10, 27);

let database: TestDatabase;
let file: string;
let printed: string;
const print = async (text: string) => {
  printed += text;
};

/** Both are reported by each other, have notes and tags, and something was done to both. */
beforeEach(async () => {
  database = await createTestDatabase();
  file = database.place;
  printed = '';
  const store = await openStore(file);
  const report = (reportId: number, sender: string, reporter: string) => ({
    kind: 'event' as const,
    reportId,
    receivedTs: at,
    subject: `$event${reportId}`,
    reporter,
    reason: `a reason of ${reporter}`,
    score: null,
    roomId: '!room:example.com',
    roomName: null,
    sender,
  });
  await store.transaction(async ({ auditLog, notes, reports, tags }) => {
    for (const target of [mallory, trudy]) {
      await notes.add({ subject: target, text: `a note on ${target}`, author: '@ana:x', at }, '$e');
      await tags.add({ subject: target, name: 'tag', author: '@ana:x', at, expiresAt: null }, '$e');
      const intent = await auditLog.begin(
        {
          actor: '@ana:x',
          command: 'lock',
          // In JSON, the second line begins with the letter of an escape.
          arguments: { accounts: [target], note: `see\n${mallory}\nmatrix:u/${mallory.slice(1)}` },
          target,
          reason: `a reason against ${target}`,
          eventId: '$e',
          roomId: '!r:x',
        },
        at,
      );
      await auditLog.finish(intent, { status: 'done', detail: { undo: `unlock ${target}` } }, at);
    }
    const how = { isBacklog: false, isQuiet: true };
    await reports.add(report(1, mallory, trudy), at, how);
    await reports.add(report(2, trudy, mallory), at, how);
  });
  await store.close();
  await change(
    `UPDATE report_items SET content = 'a text of ' || sender, note = 'about ' || sender`,
  );
  await closeReports();
});
afterEach(async () => database[Symbol.asyncDispose]());

const change = async (statement: string) => database.execute(statement);
const closeReports = async () =>
  change(`UPDATE report_items SET state = 'resolved', closed_at = ${at}`);

const config = (settings: object = {}) =>
  configSchema.parse({
    homeserver: { url: 'http://localhost', accessToken: 'token' },
    managementRoom: '!room:example.com',
    database: { [onPostgres ? 'url' : 'path']: file },
    ...settings,
  });

test('says what names somebody, and changes nothing, until it is told to', async () => {
  const before = await database.dump();
  await forget(config(), mallory, false, print);
  expect(printed).toContain('@mallory:example.com is named in 2 entries of the audit log, ');
  expect(printed).toContain('Nothing was changed.');
  expect((await database.dump()) === before).toBe(true);
});

test('forgets one person and nobody else', async () => {
  await forget(config(), mallory, true, print);
  expect(printed).toMatch(/In their place now stands @forgotten-[0-9a-f]{8}:invalid/u);
  const kept = await database.dump();
  expect(kept.includes('mallory')).toBe(false);
  const texts = ['a note on ', 'a reason against ', 'a text of ', 'about ', 'unlock '];
  expect(texts.filter((text) => !kept.includes(`${text}${trudy}`))).toEqual([]);

  const store = await openStore(file);
  expect((await store.auditLog.verify()).fault).toBeUndefined();
  const entries = await store.auditLog.search({ limit: 10 });
  expect(entries).toMatchObject([
    { command: 'forget', status: 'done', target: null },
    { command: 'lock', target: trudy, reason: `a reason against ${trudy}` },
    { command: 'lock', target: expect.stringContaining('@forgotten-'), reason: null },
  ]);
  expect(entries[0]?.actor).toMatch(/^cli:./u);
  // The homeserver still lists the report.
  const again = { kind: 'event', reportId: 2, receivedTs: at, subject: '$event2' } as const;
  const report = { ...again, reporter: mallory, reason: 'x', score: null };
  const added = await store.transaction(async ({ reports }) =>
    reports.add({ ...report, roomId: null, roomName: null, sender: trudy }, at, {
      isBacklog: false,
      isQuiet: true,
    }),
  );
  expect(added).toBeUndefined();
  await store.close();
});

test.runIf(onPostgres)('what PostgreSQL has noted for its planner forgets them, too', async () => {
  const noted = async () =>
    JSON.stringify(
      await database.read(
        `SELECT tablename, attname FROM pg_stats WHERE schemaname = current_schema()
         AND concat(most_common_vals::text, histogram_bounds::text, most_common_elems::text) LIKE '%mallory%'
         ORDER BY 1, 2`,
      ),
    );
  // Nobody else has notes.
  await change(`DELETE FROM notes WHERE subject = '${trudy}'`);
  await change(`INSERT INTO notes (subject, text, author, at, event_id)
    SELECT subject, text, author, at, event_id FROM notes`);
  await change('ANALYZE');
  expect(await noted()).toContain('{"tablename":"notes","attname":"subject"}');
  expect(await noted()).toContain('"audit_log"');
  await forget(config(), mallory, true, print);
  expect(await noted()).toBe('[]');
});

test('refuses while a report about them is open', async () => {
  await change(`UPDATE report_items SET state = 'open' WHERE id = 1`);
  await expect(forget(config(), mallory, true, print)).rejects.toThrow('reports #1');
  expect(printed).toBe('');
});

test('refuses whom the configuration protects, and what is no user', async () => {
  await expect(
    forget(config({ protected: { users: [mallory] } }), mallory, true, print),
  ).rejects.toThrow('protects @mallory:example.com');
  await expect(
    forget(config({ roles: { admin: { users: [mallory] } } }), mallory, true, print),
  ).rejects.toThrow('gives them a role');
  await expect(forget(config(), 'mallory', true, print)).rejects.toThrow('not @user:server');
});

test('refuses while a bot uses the database', async () => {
  const store = await openStore(file, { lock: true });
  await expect(forget(config(), mallory, true, print)).rejects.toThrow(SetupError);
  await store.close();
});

test.skipIf(onPostgres)(
  'beside a running bot, it says to stop it, and names no other database',
  async () => {
    const store = await openStore(file, { lock: true });
    await expect(forget(config(), mallory, true, print)).rejects.toMatchObject({
      advice:
        'Nothing was changed. Stop the bot first, or type `!forget @mallory:example.com` in the management room.',
    });
    await store.close();
  },
);
