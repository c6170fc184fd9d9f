import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import { makeOldDatabase } from '../support/old-database.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-index-'));
  file = path.join(folder, 'lawspeaker.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Two entries about an action that fails: both write to the index. */
async function act(store: Store, reason: string): Promise<void> {
  await store.transaction(async ({ auditLog }) => {
    const intent = { actor: '@ana:x', command: 'lock', arguments: {}, reason };
    const id = await auditLog.begin({ ...intent, eventId: `$${reason}`, roomId: '!r:x' }, 1);
    await auditLog.finish(id, { status: 'failed' }, 2);
  });
}

/** Records an action and searches for it. */
async function actAndFind(reason: string, informed: string[] = []): Promise<number> {
  const store = await openStore(file, { inform: (message) => informed.push(message) });
  try {
    await act(store, reason);
    return (await store.auditLog.search({ text: 'spam', limit: 10 })).length;
  } finally {
    await store.close();
  }
}

/** What may stand where the index says of which parts it consists. */
const damagedRecords = ['zeroblob(length(block))', `x'00ff00ff'`, `x'00'`, `x''`, `'text'`].map(
  (block): [string, string] => [
    `a structure of ${block}`,
    `UPDATE audit_search_data SET block = ${block} WHERE id = 10`,
  ],
);

const damages: readonly [string, string][] = [
  ['without its structure', 'DELETE FROM audit_search_data WHERE id = 10'],
  ['with wrong words', `UPDATE audit_search_data SET block = x'00000000' WHERE id > 100`],
  ['empty', 'DELETE FROM audit_search_data'],
  ...damagedRecords,
  ['of an unknown version', `UPDATE audit_search_config SET v = 99 WHERE k = 'version'`],
];

function damage(statements: string): void {
  const sqlite = new Database(file);
  sqlite.unsafeMode();
  sqlite.exec(statements);
  sqlite.close();
}

test.for(damages)(
  'a damaged index of words is made anew at the start: %s',
  async ([, statements]) => {
    const informed: string[] = [];
    expect(await actAndFind('spam 1', informed)).toBe(1);
    expect(informed).toEqual([]);
    damage(statements);
    expect(await actAndFind('spam 2', informed)).toBe(2);
    expect(informed).toEqual([
      expect.stringContaining('is damaged and is being made anew'),
      expect.stringContaining('is complete again'),
    ]);
    expect(await actAndFind('spam 3', informed)).toBe(3);
    expect(informed).toHaveLength(2);
  },
);

test('one that is damaged when the bot is updated is made anew as well', async () => {
  await makeOldDatabase(file, '0021-homeservers');
  damage(`UPDATE audit_search_config SET v = 99 WHERE k = 'version'`);
  expect(await actAndFind('spam 1')).toBe(1);
  expect(await actAndFind('spam 2')).toBe(2);
});

test.for(damages)(
  'a damaged index of words stops no action of a running bot, and loses no entry: %s',
  async ([, statements]) => {
    const informed: string[] = [];
    const store = await openStore(file, { inform: (message) => informed.push(message) });
    try {
      await act(store, 'spam 1');
      damage(statements);
      await act(store, 'spam 2');
      await act(store, 'spam 3');
      expect(await store.auditLog.verify()).toMatchObject({ count: 6, fault: undefined });
    } finally {
      await store.close();
    }
    // What the running bot did not notice, the next start does.
    expect(await actAndFind('spam 4', informed)).toBe(4);
    expect(informed).not.toEqual([]);
  },
);
