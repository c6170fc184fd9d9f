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
  await room.database.execute(...statements);
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
    `INSERT INTO sync_state (name, value) VALUES ('waitingForKeys', '{"id":')
      ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    `INSERT INTO inbox (event_id, type, sender, event, received_at, handled_at) VALUES ('$damaged', 'message', '@x:localhost', '{"kind":', ${now}, NULL)`,
    `INSERT INTO outbox (event_id, transaction_id, message, created_at)
      VALUES ('$damaged', 'damaged', 'nonsense', ${now})`,
  );
  await room.startBot();
  const told = await alert('3 stored rows can’t be read');
  expect(told.body).toContain('@x:localhost sent is not carried out');
  expect((await room.ana.ask('!version')).field.status).toBe('done');
  expect(await room.database.read('SELECT source, content FROM damaged_rows')).toEqual(
    expect.arrayContaining([
      { source: 'inbox', content: '{"kind":' },
      { source: 'outbox', content: 'nonsense' },
      { source: 'sync_state', content: '{"id":' },
    ]),
  );
  await room.stopBot();
  await room.startBot();
  await room.ana.ask('!version');
  expect(
    room.ana.unasked().filter(({ body }) => body.includes('stored rows can’t be read')),
  ).toHaveLength(1);
}, 60_000);
