import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
  await room.ana.ask('!version');
});
afterAll(async () => room.close());

/** Changes the database by hand while the bot is away. */
async function damage(...statements: string[]): Promise<void> {
  await room.stopBot();
  const db = new Database(room.databaseFile);
  statements.forEach((statement) => db.exec(statement));
  db.close();
}

const alert = async (words: string) =>
  room.ana.until(`an alert: ${words}`, () =>
    room.ana.unasked().find(({ body }) => body.includes(words)),
  );

it('a place that the homeserver refuses is given up: the bot starts, says so, and works', async () => {
  await damage(`UPDATE sync_state SET value = 'nonsense' WHERE name = 'token'`);
  const missed = await room.ben.say('!version');
  await room.startBot();
  const told = await alert('I lost my place in this room');
  expect(told.content['m.mentions']).toEqual({ user_ids: [room.ana.user.userId] });
  expect((await room.ben.ask('!version')).field.status).toBe('done');
  expect(room.ben.answersTo(missed)).toEqual([]);
  // The new place holds.
  await room.stopBot();
  const later = await room.ben.say('!version');
  await room.startBot();
  expect((await room.ben.answerTo(later)).field.status).toBe('done');
}, 60_000);

it('damaged rows don’t stop the start, and are told once', async () => {
  const now = Date.now();
  await damage(
    `INSERT OR REPLACE INTO sync_state (name, value) VALUES ('waitingForKeys', '{"id":')`,
    `INSERT INTO inbox VALUES ('$damaged', 'message', '@x:localhost', '{"kind":', ${now}, NULL)`,
    `INSERT INTO outbox (event_id, transaction_id, message, created_at)
      VALUES ('$damaged', 'damaged', 'nonsense', ${now})`,
  );
  await room.startBot();
  const told = await alert('3 stored rows can’t be read');
  expect(told.body).toContain('@x:localhost sent is not carried out');
  expect((await room.ana.ask('!version')).field.status).toBe('done');
  const db = new Database(room.databaseFile, { readonly: true });
  expect(db.prepare('SELECT source, content FROM damaged_rows WHERE source <> ?').all('x')).toEqual(
    expect.arrayContaining([
      { source: 'inbox', content: '{"kind":' },
      { source: 'outbox', content: 'nonsense' },
      { source: 'sync_state', content: '{"id":' },
    ]),
  );
  db.close();
  await room.stopBot();
  await room.startBot();
  await room.ana.ask('!version');
  expect(
    room.ana.unasked().filter(({ body }) => body.includes('stored rows can’t be read')),
  ).toHaveLength(1);
}, 60_000);
