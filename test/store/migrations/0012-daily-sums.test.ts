import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import Database from 'better-sqlite3';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openStore } from '../../../src/store/store.ts';
import type { Store } from '../../../src/store/store.ts';
import { makeOldDatabase } from '../../support/old-database.ts';

const hour = 3_600_000;
const day = 24 * hour;
const days = 4;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-sums-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = fc.integer({ min: 0, max: days * day - 1 });
const person = fc.constantFrom('@ana:x', '@ben:x', 'rule:spam', 'timer:1', 'timer:22', 'timers');
const event = fc.constantFrom('$1', '$2', '$3');

/** Something that adds or changes rows, in any order and at any time. */
const operation = fc.oneof(
  fc.record({
    kind: fc.constant('begin' as const),
    at,
    actor: person,
    confirmer: fc.option(person),
    command: fc.constantFrom('redact', 'deactivate'),
  }),
  fc.record({
    kind: fc.constant('finish' as const),
    at,
    which: fc.nat(99),
    status: fc.constantFrom('done', 'failed', 'running', 'unknown'),
  }),
  fc.record({ kind: fc.constant('refuse' as const), at, actor: person }),
  fc.record({
    kind: fc.constant('report' as const),
    at,
    event,
    // Of the only homeserver that there was.
    reporter: fc.constantFrom('@ana:x', '@ben:x'),
  }),
  fc.record({
    kind: fc.constant('move' as const),
    at,
    which: fc.nat(99),
    state: fc.constantFrom(
      'open' as const,
      'claimed' as const,
      'resolved' as const,
      'dismissed' as const,
    ),
    by: person,
  }),
  fc.record({
    kind: fc.constant('match' as const),
    at,
    which: fc.nat(99),
    rule: fc.constantFrom('spam', 'flood'),
    mode: fc.constantFrom('act' as const, 'observe' as const),
  }),
);
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

function oneOf(ids: readonly number[], which: number): number | undefined {
  return ids[which % ids.length];
}

/** The disk is slow, and nothing here cuts the power. */
const withoutWaiting = { repeatable: true };

/** Runs operations; each commits, or fails as a whole. */
async function run(store: Store, operations: readonly (Operation & { fails: boolean })[]) {
  const intents: number[] = [];
  const items: number[] = [];
  for (const [number, one] of operations.entries()) {
    await store
      .transaction(async (tables) => {
        const origin = { arguments: {}, eventId: `$e${number}`, roomId: '!r:x' };
        switch (one.kind) {
          case 'begin': {
            const { actor, confirmer, command } = one;
            const intent = { ...origin, actor, confirmer, command };
            const id = await tables.auditLog.begin(intent, one.at);
            if (!one.fails) {
              intents.push(id);
            }
            break;
          }
          case 'finish': {
            const id = oneOf(intents, one.which);
            if (id !== undefined) {
              await tables.auditLog.finish(id, { status: one.status }, one.at);
            }
            break;
          }
          case 'refuse': {
            const intent = { ...origin, actor: one.actor, command: 'redact' };
            await tables.auditLog.refuse(intent, { status: 'denied' }, one.at);
            break;
          }
          case 'report': {
            const added = await tables.reports.add(
              {
                kind: 'event',
                reportId: number,
                receivedTs: one.at,
                subject: one.event,
                reporter: one.reporter,
                reason: null,
                score: null,
                roomId: '!lobby:x',
                roomName: null,
                sender: '@mallory:x',
              },
              one.at,
              { isBacklog: false, isQuiet: false },
            );
            if (added?.isNewItem === true && !one.fails) {
              items.push(added.itemId);
            }
            break;
          }
          case 'move': {
            const id = oneOf(items, one.which);
            if (id !== undefined) {
              await tables.reportItems.move(
                id,
                { state: one.state, by: one.by, isShown: true },
                one.at,
              );
            }
            break;
          }
          case 'match': {
            const itemId = oneOf(items, one.which);
            if (itemId !== undefined) {
              const { rule, mode } = one;
              await tables.ruleMatches.add({ itemId, rule, mode }, one.at);
            }
            break;
          }
        }
        if (one.fails) {
          throw new Error('the transaction fails');
        }
      }, withoutWaiting)
      .catch((error: unknown) => {
        if (!(error instanceof Error && error.message === 'the transaction fails')) {
          throw error;
        }
      });
  }
}

/** Everything that sums are kept of, counted from the rows alone. */
function countRows(db: Database.Database) {
  const all = (sql: string) => db.prepare(sql).all();
  const name = (column: string) =>
    `CASE WHEN ${column} LIKE 'timer:%' THEN 'timer' ELSE ${column} END`;
  const happened = `
    SELECT ${name('actor')} AS name, at / ${day} AS day, 'asked' AS what FROM audit_log WHERE kind = 'intent'
    UNION ALL SELECT ${name('confirmer')}, at / ${day}, 'confirmed' FROM audit_log
      WHERE kind = 'intent' AND confirmer IS NOT NULL
    UNION ALL SELECT ${name('actor')}, at / ${day}, kind FROM report_history
      WHERE kind IN ('claimed', 'resolved', 'dismissed')`;
  const work = ['asked', 'confirmed', 'claimed', 'resolved', 'dismissed']
    .map((what) => `sum(what = '${what}') AS ${what}`)
    .join(', ');
  const counted = `
    SELECT received_ts / ${day} AS day, 'reports' AS what FROM reports
    UNION ALL SELECT at / ${day}, kind FROM report_history
      WHERE kind IN ('claimed', 'resolved', 'dismissed')
    UNION ALL SELECT at / ${day}, 'actions' FROM audit_log WHERE kind = 'intent'
    UNION ALL SELECT at / ${day}, 'failed' FROM audit_log WHERE kind = 'outcome' AND status = 'failed'
    UNION ALL SELECT at / ${day}, 'refused' FROM audit_log WHERE kind = 'refusal'`;
  const counts = ['reports', 'claimed', 'resolved', 'dismissed', 'actions', 'failed', 'refused']
    .map((what) => `sum(what = '${what}') AS ${what}`)
    .join(', ');
  return {
    action_totals: all(
      `SELECT command, status, count(*) AS count FROM audit_log WHERE kind != 'intent' GROUP BY 1, 2`,
    ),
    audit_days: all(
      `SELECT at / ${day} AS day, min(id) AS first_id, max(id) AS last_id FROM audit_log
       WHERE kind != 'outcome' GROUP BY 1`,
    ),
    daily_counts: all(`SELECT day, ${counts} FROM (${counted}) GROUP BY day`),
    daily_matches: all(
      `SELECT rule, mode, at / ${day} AS day, count(*) AS count FROM rule_matches GROUP BY 1, 2, 3`,
    ),
    daily_work: all(`SELECT name, day, ${work} FROM (${happened}) GROUP BY name, day`),
    item_totals: all(`SELECT state, count(*) AS count FROM report_items GROUP BY 1`),
    open_intents: all(
      `SELECT id FROM audit_log WHERE kind = 'intent'
       AND id NOT IN (SELECT intent_id FROM audit_log WHERE kind = 'outcome') ORDER BY id`,
    ),
    report_totals: all(`SELECT kind, count(*) AS count FROM reports GROUP BY 1`),
    work_totals: all(`SELECT name, ${work} FROM (${happened}) GROUP BY name`),
  };
}

type Sums = ReturnType<typeof countRows>;

/** The sums that the database has kept. */
function readSums(db: Database.Database): Sums {
  const keys: Record<keyof Sums, string> = {
    action_totals: 'command, status',
    audit_days: 'day',
    daily_counts: 'day',
    daily_matches: 'rule, mode, day',
    daily_work: 'name, day',
    item_totals: 'state',
    open_intents: 'id',
    report_totals: 'kind',
    work_totals: 'name',
  };
  return Object.fromEntries(
    Object.entries(keys).map(([table, key]) => {
      // A state that no item has any more is counted as 0.
      const shown = table === 'item_totals' ? 'WHERE count != 0' : '';
      return [table, db.prepare(`SELECT * FROM ${table} ${shown} ORDER BY ${key}`).all()];
    }),
  ) as Sums;
}

const operations = fc.array(
  fc.tuple(operation, fc.integer({ min: 0, max: 9 })).map(([one, dice]) => ({
    ...one,
    fails: dice === 0,
  })),
  { minLength: 20, maxLength: 40 },
);

test('sums are what counting the rows gives, whatever happens', async () => {
  let number = 0;
  await fc.assert(
    fc.asyncProperty(operations, async (given) => {
      number += 1;
      const file = path.join(folder, `${number}.db`);
      const store = await openStore(file);
      await run(store, given);
      const db = new Database(file, { readonly: true });
      try {
        expect(readSums(db)).toEqual(countRows(db));
        const { fault } = await store.auditLog.verify();
        expect(fault).toBeUndefined();
      } finally {
        db.close();
        await store.close();
      }
    }),
    { numRuns: 25 },
  );
}, 120_000);

test('statistics of whole days are those of the same time read row by row', async () => {
  let number = 0;
  await fc.assert(
    fc.asyncProperty(operations, fc.nat(days - 1), async (given, first) => {
      number += 1;
      const store = await openStore(path.join(folder, `days-${number}.db`));
      await run(store, given);
      const { statistics } = store;
      const whole = { since: first * day, until: days * day };
      // A period that does not begin at midnight is counted from the rows. At its ends is nothing.
      const byRows = { since: whole.since, until: whole.until + 1 };
      expect(await statistics.countWork(whole)).toEqual(await statistics.countWork(byRows));
      expect(await statistics.countMatches(whole)).toEqual(await statistics.countMatches(byRows));
      const hours = await statistics.countsPer(hour, whole);
      const sum = (from: number, name: keyof (typeof hours)[number]) =>
        hours.slice(from * 24, from * 24 + 24).reduce((total, one) => total + one[name], 0);
      expect(await statistics.countsPer(day, whole)).toEqual(
        Array.from({ length: days - first }, (_, at) => ({
          reports: sum(at, 'reports'),
          resolved: sum(at, 'resolved'),
          dismissed: sum(at, 'dismissed'),
          actions: sum(at, 'actions'),
          failed: sum(at, 'failed'),
          refused: sum(at, 'refused'),
        })),
      );
      await store.close();
    }),
    { numRuns: 25 },
  );
}, 120_000);

describe('a database from before the sums', () => {
  const sources = ['report_items', 'reports', 'rule_matches'];
  const history = 'id, item_id, at, kind, actor, detail, needs_note';
  const entries =
    'id, kind, intent_id, at, actor, confirmer, command, arguments, target, reason, event_id, room_id, status, detail, item_id';

  /** Makes the tables of that version, and copies the rows of another database into them. */
  async function makeOld(file: string, from: string): Promise<void> {
    await makeOldDatabase(file, '0011-names');
    const sqlite = new Database(file);
    sqlite.pragma('journal_mode = WAL');
    sqlite.exec(`ATTACH '${from}' AS source`);
    for (const table of sources) {
      // Later versions add columns.
      const columns = (sqlite.pragma(`main.table_info(${table})`) as { name: string }[])
        .map(({ name }) => name)
        .join(', ');
      sqlite.exec(`INSERT INTO main.${table} (${columns}) SELECT ${columns} FROM source.${table}`);
    }
    for (const [table, columns] of [
      ['audit_log', `${entries}, previous_hash, hash`],
      ['report_history', history],
    ]) {
      sqlite.exec(`INSERT INTO main.${table} (${columns}) SELECT ${columns} FROM source.${table}`);
    }
    sqlite.close();
  }

  /** All that a store has, to compare one with another. */
  function contentOf(file: string) {
    const db = new Database(file, { readonly: true });
    try {
      const rows = [...sources, 'report_history'].map((table) =>
        db.prepare(`SELECT * FROM ${table}`).all(),
      );
      // Later versions make hashes in another way.
      rows.push(db.prepare(`SELECT ${entries} FROM audit_log`).all());
      const schema = db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY name').all();
      return { rows, schema, sums: readSums(db), counted: countRows(db) };
    } finally {
      db.close();
    }
  }

  test('has the same sums and durations, once it is updated, as if they had always been kept', async () => {
    let number = 0;
    await fc.assert(
      fc.asyncProperty(operations, async (given) => {
        number += 1;
        const [kept, updated] = [`${number}.db`, `${number}-old.db`].map((name) =>
          path.join(folder, name),
        ) as [string, string];
        const store = await openStore(kept);
        await run(store, given);
        await store.close();
        await makeOld(updated, kept);
        const told: string[] = [];
        for (let times = 0; times < 2; times += 1) {
          const opened = await openStore(updated, { inform: (message) => told.push(message) });
          await opened.close();
        }
        expect(told).toEqual([
          expect.stringContaining('is being updated'),
          expect.stringContaining('is updated'),
        ]);
        expect(contentOf(updated)).toEqual(contentOf(kept));
        // It goes on as the other does.
        const [one, other] = [await openStore(kept), await openStore(updated)];
        await run(one, given.slice(0, 10));
        await run(other, given.slice(0, 10));
        await Promise.all([one.close(), other.close()]);
        expect(contentOf(updated)).toEqual(contentOf(kept));
      }),
      { numRuns: 20 },
    );
  }, 120_000);

  test('is updated by the next start if a kill cuts the update off', async () => {
    const [kept, old] = [path.join(folder, 'kept.db'), path.join(folder, 'old.db')];
    const store = await openStore(kept);
    const [given = []] = fc.sample(operations, { numRuns: 1, seed: 3 });
    await run(store, given);
    await store.close();
    await makeOld(old, kept);

    // What lies on the disk between any two steps of the update is what a kill leaves.
    const images: string[] = [];
    const opened: Store[] = [];
    const opening = openStore(old).then((store) => opened.push(store));
    while (opened.length === 0) {
      const image = path.join(folder, `image-${images.length}.db`);
      copyFileSync(old, image);
      if (existsSync(`${old}-wal`)) {
        copyFileSync(`${old}-wal`, `${image}-wal`);
      }
      images.push(image);
      await nextTurn();
    }
    await opening;
    await opened[0]?.close();
    expect(images.length).toBeGreaterThan(20);
    for (const image of images) {
      const again = await openStore(image);
      await again.close();
      expect(contentOf(image)).toEqual(contentOf(kept));
    }
  }, 120_000);
});
