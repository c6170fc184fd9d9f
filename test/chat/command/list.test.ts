import { expect, test } from 'vitest';

import { textOf } from '../../../src/chat/answers/answer.ts';
import { listAnswer, pageOf, readList } from '../../../src/chat/command/list.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import type { Listing } from '../../../src/services/pages.ts';

/** What is said of rows, if the homeserver gives no total. */
function answerTo(
  listing: Listing<string>,
  given: {
    all?: boolean;
    from?: string | undefined;
    limit?: number | undefined;
    format?: 'csv' | undefined;
  } = {},
) {
  const context = {
    args: { all: false, limit: undefined, from: undefined, format: undefined, ...given },
    invocation: { command: 'rooms', arguments: {}, dryRun: false } as never,
    registry: createRegistry([]),
    absent: [],
  };
  const columns = [{ title: 'Room', name: 'room', show: (row: string) => [row], value: String }];
  const answer = listAnswer(context, listing, { noun: 'room', columns });
  return { ...answer, title: textOf(answer.title) };
}

test.for([
  ['a page of many', ['a', 'b'], 'c', {}, 'At least 2 rooms, 2 shown', null],
  ['the last page of many', ['a'], undefined, { from: 'c' }, 'At least 1 room, 1 shown', null],
  ['the only page', ['a', 'b'], undefined, {}, '2 rooms', 2],
  ['an empty list', [], undefined, {}, 'No room found', 0],
  ['nothing after a position', [], undefined, { from: 'c' }, 'No rooms on this page', null],
] as const)(
  'without a total, the answer to %s claims nothing that is not known',
  ([, rows, nextFrom, given, title, total]) => {
    const answer = answerTo({ rows, total: undefined, nextFrom }, given);
    expect(answer.title).toBe(title);
    expect(answer.data).toMatchObject({ total });
    expect(answer.next).toEqual(nextFrom === undefined ? [] : ['more']);
  },
);

test('a list that is too long for a file has no total', async () => {
  const rowsOf = (number: number) => ({
    page: async () => expect.unreachable(),
    async *all() {
      yield* Array.from({ length: number }, String);
    },
  });
  const args = { all: true, limit: undefined, from: undefined, format: undefined };
  expect((await readList(args, rowsOf(100_000))).total).toBe(100_000);
  const cut = await readList(args, rowsOf(100_001));
  expect([cut.rows.length, cut.total]).toEqual([100_000, undefined]);
  expect(answerTo(cut, { all: true }).title).toBe(
    'At least 100,000 rooms: 100,000 rows in rooms.csv',
  );
});

test.for([
  ['all rows', {}, 30],
  ['as many as --limit says', { limit: 5 }, 5],
  ['a page after a position', { from: '5' }, 20],
  ['all rows with --all, whatever the limit', { all: true, limit: 5 }, 30],
] as const)('a file of --format has %s', async ([, given, number]) => {
  const args = { all: false, limit: undefined, from: undefined, format: 'csv', ...given } as const;
  const all = Array.from({ length: 30 }, String);
  const pages = {
    page: async () => pageOf(all, args),
    async *all() {
      yield* all;
    },
  };
  for (const listing of [await readList(args, pages), pageOf(all, args)]) {
    expect(listing.rows).toHaveLength(number);
    const { title, next, more } = answerTo(listing, args);
    expect(title).toBe(`30 rooms: ${number} rows in rooms.csv`);
    // A part names the next one.
    expect(next).toEqual(number === 30 ? [] : ['more']);
    expect(more === undefined).toBe(number === 30);
  }
});
