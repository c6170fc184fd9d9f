import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openStore } from '../../../../src/store/store.ts';
import type { Store } from '../../../../src/store/store.ts';
import type { AuditRow } from '../../../../src/store/tables/audit/audit-chain.ts';
import type { AuditEntry, Intent } from '../../../../src/store/tables/audit/audit-log.ts';
import type { AuditFilter } from '../../../../src/store/tables/audit/audit-search.ts';
import { createTestDatabase, onPostgres } from '../../../support/test-database.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

let database: TestDatabase;
let store: Store;

beforeEach(async () => {
  database = await createTestDatabase();
  store = await openStore(database.place);
});

afterEach(async () => {
  await store.close();
  await database[Symbol.asyncDispose]();
});

const rows = async () => database.read<AuditRow>('SELECT * FROM audit_log ORDER BY id');

const intent = (more: Partial<Intent> = {}): Intent => ({
  actor: '@ana:x',
  command: 'deactivate',
  arguments: { accounts: ['@mallory:x'], erase: true },
  target: '@mallory:x',
  reason: 'spam',
  eventId: '$command',
  roomId: '!room:x',
  ...more,
});

const begin = async (more: Partial<Intent> = {}, at = 100) =>
  store.transaction(async ({ auditLog }) => auditLog.begin(intent(more), at));
const finish = async (id: number, status: string, detail?: unknown, at = 200) =>
  store.transaction(async ({ auditLog }) => auditLog.finish(id, { status, detail }, at));
const refuse = async (status: string, more: Partial<Intent> = {}) =>
  store.transaction(async ({ auditLog }) =>
    auditLog.refuse(intent(more), { status, detail: { code: status } }, 100),
  );

test('what no database can read stands as � in every text, so that the rest is found', async () => {
  const id = await begin({
    arguments: { room: '!lobby:x', note: 'one\0two \uD800three' },
    reason: 'four\0five',
  });
  await finish(id, 'failed', { message: 'six\0seven' });
  expect(await store.auditLog.get(id)).toMatchObject({
    arguments: { note: 'one\uFFFDtwo \uFFFDthree' },
    reason: 'four\uFFFDfive',
    detail: { message: 'six\uFFFDseven' },
  });
  for (const filter of [{ text: 'two three five' }, { target: '!lobby:x' }]) {
    const found = await store.auditLog.search({ ...filter, limit: 9 });
    expect(found.map((entry) => entry.id)).toEqual([id]);
  }
  expect(await store.auditLog.verify()).toMatchObject({ fault: undefined });
});

describe('the chain', () => {
  test('does not fork where many write at once', async () => {
    await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const id = await begin({ eventId: `$${at}` });
        await finish(id, 'done');
      }),
    );
    const all = await rows();
    expect(all).toHaveLength(40);
    expect(new Set(all.map(({ previous_hash }) => previous_hash)).size).toBe(40);
    expect(all.slice(1).map(({ previous_hash }) => previous_hash)).toEqual(
      all.slice(0, -1).map(({ hash }) => hash),
    );
  });

  test.each([
    `UPDATE audit_log SET actor = '@eve:x'`,
    `UPDATE audit_log SET detail = NULL WHERE id = 1`,
    `UPDATE audit_log SET at = 5, salts = '{}'`,
    `UPDATE audit_log SET salts = '0'`,
    'DELETE FROM audit_log',
    'DELETE FROM audit_log WHERE id = 2',
  ])('is append-only: %s', async (statement) => {
    const id = await begin();
    await finish(id, 'done');
    const before = await rows();
    await expect(database.execute(statement)).rejects.toThrow('append-only');
    expect(await rows()).toEqual(before);
  });

  test('numbers are never used again', async () => {
    const first = await begin();
    await expect(
      store.transaction(async ({ auditLog }) => {
        await auditLog.begin(intent(), 1);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await begin()).toBeGreaterThan(first);
  });
});

describe('an entry', () => {
  test('is open, then has its outcome', async () => {
    const id = await begin({ confirmer: '@ben:x' });
    const open = {
      id,
      at: 100,
      actor: '@ana:x',
      confirmer: '@ben:x',
      command: 'deactivate',
      arguments: { accounts: ['@mallory:x'], erase: true },
      target: '@mallory:x',
      reason: 'spam',
      eventId: '$command',
      roomId: '!room:x',
      itemId: null,
      status: 'open',
      endedAt: null,
      detail: null,
    };
    expect(await store.auditLog.get(id)).toEqual(open);
    await finish(id, 'done', { took_ms: 412 });
    expect(await store.auditLog.get(id)).toEqual({
      ...open,
      status: 'done',
      endedAt: 200,
      detail: { took_ms: 412 },
    });
  });

  test('its latest outcome wins', async () => {
    const id = await begin();
    await finish(id, 'unknown', undefined, 200);
    await finish(id, 'done', { found: true }, 300);
    expect(await store.auditLog.get(id)).toMatchObject({
      status: 'done',
      endedAt: 300,
      detail: { found: true },
    });
    expect(await store.auditLog.search({ limit: 10 })).toHaveLength(1);
    expect(await store.auditLog.search({ limit: 10, status: 'unknown' })).toEqual([]);
  });

  test('an outcome has no number of its own, and nothing else can be ended', async () => {
    const id = await begin();
    await finish(id, 'done');
    expect(await store.auditLog.get(id + 1)).toBeUndefined();
    await expect(finish(id + 1, 'done')).rejects.toThrow('is not there');
    await expect(finish(999, 'done')).rejects.toThrow('is not there');
    const refusal = await refuse('denied');
    await expect(finish(refusal, 'done')).rejects.toThrow('is not there');
    expect(await rows()).toHaveLength(3);
  });

  test('a refusal is an entry that is over', async () => {
    const id = await refuse('denied');
    expect(await store.auditLog.get(id)).toMatchObject({
      status: 'denied',
      detail: { code: 'denied' },
    });
  });
});

describe('search', () => {
  const find = async (query: object) =>
    (await store.auditLog.search({ limit: 100, ...query })).map(({ id }) => id);

  test('finds by everything, newest first', async () => {
    const a = await begin({ eventId: '$a' }, 100);
    const b = await begin(
      { actor: '@ben:x', command: 'shadow-ban', target: '@eve:x', eventId: '$b' },
      200,
    );
    const c = await begin({ confirmer: '@ben:x', eventId: '$c' }, 300);
    await finish(a, 'done', undefined, 150);
    await finish(c, 'failed', undefined, 350);
    const d = await refuse('protected', { target: null, eventId: '$d' });

    expect(await find({})).toEqual([d, c, b, a]);
    expect(await find({ by: '@ben:x' })).toEqual([c, b]);
    expect(await find({ target: '@eve:x' })).toEqual([b]);
    expect(await find({ command: 'shadow-ban' })).toEqual([b]);
    expect(await find({ status: 'done' })).toEqual([a]);
    expect(await find({ status: 'open' })).toEqual([b]);
    expect(await find({ status: 'protected' })).toEqual([d]);
    expect(await find({ since: 200 })).toEqual([c, b]);
    expect(await find({ until: 200 })).toEqual([d, b, a]);
    expect(await find({ since: 200, until: 200 })).toEqual([b]);
    expect(await find({ eventId: '$c' })).toEqual([c]);
    expect(await find({ before: c })).toEqual([b, a]);
    expect(await find({ limit: 2 })).toEqual([d, c]);
    expect(await find({ before: c, limit: 1 })).toEqual([b]);
    expect(await find({ by: '@ben:x', target: '@eve:x', status: 'done' })).toEqual([]);
  });

  test('finds what reading every entry finds, by any filter, in pages and in order', async () => {
    const day = 86_400_000;
    const one = fc.record({
      actor: fc.constantFrom('@ana:x', '@ben:x', 'rule:spam'),
      confirmer: fc.option(fc.constantFrom('@ana:x', '@ben:x')),
      command: fc.constantFrom('redact', 'ban'),
      target: fc.option(fc.constantFrom('@eve:x', '!lobby:x')),
      eventId: fc.constantFrom('$1', '$2'),
      itemId: fc.option(fc.constantFrom(1, 2)),
      reason: fc.option(fc.constantFrom('crypto scam', 'Scam!')),
      arguments: fc.constantFrom({}, { room: '!lobby:x' }),
      // Clocks are set back, so entries are not in order by time.
      at: fc.integer({ min: 0, max: 5 * day }),
      ends: fc.constantFrom([], ['done'], ['failed'], ['unknown', 'done'], ['running'], 'refused'),
    });
    const every = fc.record({
      by: fc.constantFrom('@ana:x', '@ben:x', 'rule:spam', '@nobody:x'),
      target: fc.constantFrom('@eve:x', '!lobby:x'),
      command: fc.constantFrom('redact', 'ban'),
      status: fc.constantFrom('open', 'done', 'failed', 'unknown', 'running', 'denied'),
      since: fc.integer({ min: 0, max: 5 * day }),
      until: fc.integer({ min: 0, max: 5 * day }),
      eventId: fc.constantFrom('$1', '$2'),
      item: fc.constantFrom(1, 2),
      text: fc.constantFrom('scam', 'crypto', 'lobby', 'eve scam'),
    });
    const hasWords = ({ reason, target, arguments: given }: AuditEntry, text: string) => {
      const words = `${reason} ${target} ${JSON.stringify(given)}`.toLowerCase();
      return text.split(' ').every((word) => words.includes(word));
    };
    const isAbout = ({ target, arguments: given }: AuditEntry, wanted: string) =>
      target === wanted || (given as { room?: string }).room === wanted;
    const names = [
      'by',
      'target',
      'command',
      'status',
      'since',
      'until',
      'eventId',
      'item',
      'text',
    ] as const;
    // With more than a few at once, nothing matches.
    const filter = fc
      .tuple(every, fc.subarray([...names], { maxLength: 3 }))
      .map(([values, some]): AuditFilter =>
        Object.fromEntries(some.map((name) => [name, values[name]])),
      );
    await fc.assert(
      fc.asyncProperty(
        fc.array(one, { minLength: 10, maxLength: 25 }),
        fc.array(filter, { minLength: 30, maxLength: 30 }),
        async (given, filters) => {
          await using place = await createTestDatabase();
          const other = await openStore(place.place);
          for (const { at, ends, ...rest } of given) {
            await other.transaction(
              async ({ auditLog }) => {
                if (ends === 'refused') {
                  await auditLog.refuse(intent(rest), { status: 'denied' }, at);
                  return;
                }
                const id = await auditLog.begin(intent(rest), at);
                for (const status of ends) {
                  await auditLog.finish(id, { status }, at + day);
                }
              },
              { repeatable: true },
            );
          }
          const all: AuditEntry[] = [];
          for (let id = 1; id <= given.length * 3; id += 1) {
            all.push(...[await other.auditLog.get(id)].filter((entry) => entry !== undefined));
          }
          for (const query of filters) {
            const { by, target, command, status, since = 0, until = Infinity } = query;
            const wanted = all.filter(
              (entry) =>
                (by === undefined || entry.actor === by || entry.confirmer === by) &&
                (target === undefined || isAbout(entry, target)) &&
                (command === undefined || entry.command === command) &&
                (status === undefined || entry.status === status) &&
                (query.eventId === undefined || entry.eventId === query.eventId) &&
                (query.item === undefined || entry.itemId === query.item) &&
                (query.text === undefined || hasWords(entry, query.text)) &&
                entry.at >= since &&
                entry.at <= until,
            );
            const newestFirst = wanted.toReversed();
            expect(await other.auditLog.search({ ...query, limit: 100 })).toEqual(newestFirst);
            expect(await other.auditLog.inOrder(query, 0, 100)).toEqual(wanted);
            const [page, rest] = [newestFirst.slice(0, 2), newestFirst.slice(2, 4)];
            expect(await other.auditLog.search({ ...query, limit: 2 })).toEqual(page);
            const before = page.at(-1)?.id ?? 1;
            expect(await other.auditLog.search({ ...query, limit: 2, before })).toEqual(rest);
          }
          await other.close();
        },
      ),
      { numRuns: onPostgres ? 4 : 15 },
    );
  }, 120_000);

  test('takes what people typed for data', async () => {
    const target = `@x' OR 1=1 --:x`;
    const id = await begin({ target });
    await begin();
    expect(await find({ target })).toEqual([id]);
    expect(await find({ target: '%' })).toEqual([]);
  });
});

test('what came after an entry is read of many targets at once, the newest first', async () => {
  const targets = Array.from({ length: 300 }, (_, at) => `@u${at}:x`);
  const earlier = await begin({ target: '@u0:x' });
  await finish(earlier, 'done');
  const first = await begin({ target: '@u0:x' });
  const second = await begin({ target: '@u299:x' });
  await begin({ target: '@eve:x' });
  await begin({ target: null });
  await finish(first, 'done');
  const found = await store.auditLog.sinceOf(targets, earlier);
  expect(found.map(({ id, status }) => [id, status])).toEqual([
    [second, 'open'],
    [first, 'done'],
  ]);
  expect(await store.auditLog.sinceOf(targets, second)).toEqual([]);
});

test('the breaker counts what rules did, not what people, timers or names like theirs did', async () => {
  await begin({ actor: 'rule:fresh-account' }, 1000);
  await begin({ actor: 'rule:other' }, 2000);
  for (const actor of ['@ana:x', 'timer:1', 'timer:2', 'rules', '@rule:x', 'ruler']) {
    await begin({ actor }, 2000);
  }
  await refuse('protected', { actor: 'rule:fresh-account' });
  expect(await store.auditLog.countByRules(0, [])).toBe(2);
  expect(await store.auditLog.countByRules(1000, [])).toBe(1);
  await begin({ actor: 'rule:tagger', command: 'tag' }, 2000);
  expect(await store.auditLog.countByRules(0, ['note', 'tag'])).toBe(2);
});
