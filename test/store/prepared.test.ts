import { expect, test } from 'vitest';

import { openDatabase } from '../../src/store/database.ts';
import { runPrepared } from '../../src/store/prepared.ts';
import { createTestDatabase } from '../support/test-database.ts';

test('a statement that is written once takes the values of each call', async () => {
  await using database = await createTestDatabase();
  const db = await openDatabase(database.place);
  const set = async (values: { readonly name: string; readonly value: string }) =>
    runPrepared(db, 'set sync_state', values, ({ name, value }) =>
      db.insertInto('sync_state').values({ value, name }).returning(['name', 'value']),
    );
  expect(await set({ name: 'a', value: '1' })).toEqual([{ name: 'a', value: '1' }]);
  expect(await set({ name: 'b', value: '2' })).toEqual([{ name: 'b', value: '2' }]);
  const found = await db.selectFrom('sync_state').selectAll().orderBy('name').execute();
  expect(found).toEqual([
    { name: 'a', value: '1' },
    { name: 'b', value: '2' },
  ]);
  await db.destroy();
});

test('with other columns, it is another statement; what does not come from the values stays', async () => {
  await using database = await createTestDatabase();
  const db = await openDatabase(database.place);
  await db.insertInto('sync_state').values({ name: 'a', value: '1' }).execute();
  const find = async (values: Readonly<Record<string, string>>) =>
    runPrepared(db, 'find sync_state', values, (given) => {
      const found = db.selectFrom('sync_state').select('value').where('name', '=', 'a');
      return 'value' in given ? found.where('value', '=', given['value'] ?? '') : found;
    });
  expect(await find({})).toEqual([{ value: '1' }]);
  expect(await find({ value: '2' })).toEqual([]);
  expect(await find({ value: '1' })).toEqual([{ value: '1' }]);
  await db.destroy();
});
