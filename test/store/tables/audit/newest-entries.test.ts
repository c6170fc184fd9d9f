import { afterAll, beforeAll, expect, test } from 'vitest';

import { openStore } from '../../../../src/store/store.ts';
import type { Store } from '../../../../src/store/store.ts';
import type { Intent } from '../../../../src/store/tables/audit/audit-log.ts';
import type { AuditFilter } from '../../../../src/store/tables/audit/audit-search.ts';
import { createTestDatabase, onPostgres } from '../../../support/test-database.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

/** So many that the words of the reasons are frequent. */
const refused = 11_000;
/** So many that they are not all read to find out that none of them is meant. */
const bulk = 2_000;

let database: TestDatabase;
let store: Store;
beforeAll(async () => {
  database = await createTestDatabase();
  store = await openStore(database.place);
  // Each reason has a word of its own; those of a quarter have one with accents.
  await refuse(
    refused,
    '@ana:x',
    `'Sent advertisements, ' || CASE n % 4 WHEN 0 THEN 'Tickét' ELSE 'ticket' END || n || ' of many'`,
  );
  await refuse(bulk, '@ben:x', `'Signed up together'`);
  if (onPostgres) {
    // Its autovacuum does that within a minute; here it is off.
    await database.execute('ANALYZE');
  }
});
afterAll(async () => {
  await store.close();
  await database[Symbol.asyncDispose]();
});

/** Records what was refused to somebody again and again. */
async function refuse(times: number, actor: string, reason: string): Promise<void> {
  await database.execute(`
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${times})
    INSERT INTO audit_log (
      kind, at, actor, command, arguments, target, reason, event_id, room_id, status, previous_hash, hash
    )
    SELECT 'refusal', n, '${actor}', 'lock', '{}', '@user' || n || ':x', ${reason}, '$e', '!m:x',
      CASE n WHEN 7 THEN 'protected' ELSE 'denied' END, '', ''
    FROM numbers ORDER BY n`);
}

const asked = { actor: '@cleo:x', command: 'ban', arguments: {}, eventId: '$e', roomId: '!m:x' };

async function ask(intent: Partial<Intent>): Promise<number> {
  return store.transaction(async ({ auditLog }) =>
    auditLog.begin({ ...asked, ...intent }, 100_000),
  );
}

/** Pages of entries, as somebody reads them who asks for more. */
async function pages(filter: AuditFilter, count: number, limit = 20): Promise<number[]> {
  const read: number[] = [];
  for (let page = 0; page < count; page += 1) {
    const found = await store.auditLog.search({ ...filter, limit, before: read.at(-1) });
    read.push(...found.map(({ id }) => id));
  }
  return read;
}

/** These numbers, from the highest to the lowest. */
const down = (from: number, to: number): number[] =>
  Array.from({ length: from - to + 1 }, (_, at) => from - at);

// The index of words has lists of beginnings of three and of four characters.
test.for(['tic*', 'TIC*', 'tick*', 'tické*', 'ticket*', 'TICKÉT*'])(
  'a beginning that very many words have finds the newest entries first, page by page: %s',
  async (text) => {
    expect(await pages({ text }, 3)).toEqual(down(refused, refused - 59));
    // Five pages of a hundred are more than is read at first.
    expect(await pages({ text }, 5, 100)).toEqual(down(refused, refused - 499));
    expect(await store.auditLog.search({ text, limit: 20, before: 11 })).toHaveLength(10);
  },
);

test('an accent makes no other word', async () => {
  const found = await store.auditLog.search({ text: 'ticket*', limit: 8 });
  expect(found.filter(({ reason }) => reason?.includes('Tickét'))).toHaveLength(2);
});

test.for([
  ['of one word', 'advert*', refused],
  ['of two words of which one is frequent', 'advert* together', 0],
  ['of several words', 'adv* tic* man*', refused],
  ['after other words', '"sent advertisements ticket"*', refused],
  ['of one word after another', '"sent advert"*', refused],
  ['of one word after a wrong one', '"many advert"*', 0],
  ['after words in another order', '"advertisements sent ticket"*', 0],
  ['of a rare word', 'ticket1099*', 11],
  ['of no word', 'tickle*', 0],
  ['of a word besides a rare one', 'ticket10* ticket10999', 1],
  ['that is the middle of a word', 'ket1*', 0],
] as const)('a beginning %s', async ([, text, count]) => {
  const found = await store.auditLog.search({ text, limit: 20 });
  expect(found).toHaveLength(Math.min(count, 20));
  expect(found.map(({ id }) => id)).toEqual(
    found.map(({ id }) => id).toSorted((one, other) => other - one),
  );
});

test('another filter makes a frequent beginning rare', async () => {
  const [old = 0] = await pages({ text: 'ticket*', status: 'protected' }, 1);
  expect(old).toBe(7);
  expect(await pages({ text: 'ticket*', by: '@ben:x' }, 1)).toEqual([]);
  expect(await pages({ text: 'ticket*', by: '@nobody:x' }, 1)).toEqual([]);
  expect(await pages({ text: 'ticket*', target: '@user12:x' }, 1)).toEqual([12]);
  expect(await pages({ text: 'ticket*', until: 3 }, 1)).toEqual([3, 2, 1]);
  expect(await pages({ text: 'ticket*', command: 'ban' }, 1)).toEqual([]);
});

test('a longer beginning is told from what only begins like it', async () => {
  await refuse(bulk, '@dan:x', `'Ticked off together'`);
  expect(await pages({ text: 'tick*', by: '@dan:x' }, 1)).toHaveLength(20);
  expect(await pages({ text: 'ticket*', by: '@dan:x' }, 1)).toEqual([]);
  expect(await pages({ text: '"off tog"*', by: '@dan:x' }, 1)).toHaveLength(20);
  expect(await pages({ text: '"ticked tog"*', by: '@dan:x' }, 1)).toEqual([]);
});

test('entries that are behind very many others are found', async () => {
  const newest = await ask({ actor: '@ben:x', reason: 'a ticket of its own' });
  const open = await ask({ reason: 'ticket12345' });
  await refuse(bulk, '@ben:x', `'Signed up together'`);
  const last = await ask({ actor: '@ben:x', reason: 'tickets' });
  await ask({ actor: '@ben:x', reason: 'a myTicket' });
  expect(await pages({ text: 'ticket*' }, 1, 4)).toEqual([last, open, newest, refused]);
  expect(await pages({ text: 'ticket*', by: '@ben:x' }, 1)).toEqual([last, newest]);
  expect(await pages({ text: 'ticket*', by: '@ben:x' }, 3, 1)).toEqual([last, newest]);
  expect(await pages({ text: 'ticket*', status: 'open' }, 1)).toEqual([last, open, newest]);
  expect(await pages({ text: 'ticket1*', status: 'open' }, 1)).toEqual([open]);
  await store.transaction(async ({ auditLog }) => auditLog.finish(open, { status: 'done' }, 1));
  expect(await pages({ text: 'ticket*', status: 'done' }, 1)).toEqual([open]);
  expect(await pages({ text: 'ticket*', status: 'open' }, 1)).toEqual([last, newest]);
});

test('an export has all of them, the oldest first', async () => {
  const first = await store.auditLog.inOrder({ text: 'ticket*' }, 0, 500);
  expect(first.map(({ id }) => id)).toEqual(down(500, 1).toReversed());
});
