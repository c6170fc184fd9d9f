import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openStore } from '../../src/store/store.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-index-'));
  file = path.join(folder, 'lawspeaker.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Records an action and searches for it. */
async function actAndFind(reason: string, informed: string[] = []): Promise<number> {
  const store = await openStore(file, { inform: (message) => informed.push(message) });
  try {
    await store.transaction(async ({ auditLog }) =>
      auditLog.begin(
        {
          actor: '@ana:x',
          command: 'lock',
          arguments: {},
          reason,
          eventId: `$${reason}`,
          roomId: '!r:x',
        },
        1,
      ),
    );
    return (await store.auditLog.search({ text: 'spam', limit: 10 })).length;
  } finally {
    await store.close();
  }
}

test.for([
  ['without its structure', 'DELETE FROM audit_search_data WHERE id = 10'],
  ['with wrong words', `UPDATE audit_search_data SET block = x'00000000' WHERE id > 100`],
  ['empty', 'DELETE FROM audit_search_data'],
] as const)('a damaged index of words is made anew at the start: %s', async ([, damage]) => {
  const informed: string[] = [];
  expect(await actAndFind('spam 1', informed)).toBe(1);
  expect(informed).toEqual([]);
  const sqlite = new Database(file);
  sqlite.unsafeMode();
  sqlite.exec(damage);
  sqlite.close();
  expect(await actAndFind('spam 2', informed)).toBe(2);
  expect(informed).toEqual([
    expect.stringContaining('is damaged and is being made anew'),
    expect.stringContaining('is complete again'),
  ]);
  expect(await actAndFind('spam 3', informed)).toBe(3);
  expect(informed).toHaveLength(2);
});
