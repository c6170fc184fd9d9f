import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { adminApi, asUserId, newUser } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

let room: TestRoom;
beforeEach(async () => {
  room = await openRoom();
});
afterEach(async () => room.close());

it('nothing is carried out while the database can’t be written, and the room hears it', async () => {
  const mallory = await newUser('mallory');
  const other = new Database(room.databaseFile);
  other.exec('BEGIN IMMEDIATE');
  const command = await room.ana.say(`!shadow-ban ${mallory.userId}`);
  const answer = await room.ana.answerTo(command);
  expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'store' } });
  expect(answer.body).toContain('the database failed');
  expect((await adminApi().users.get(asUserId(mallory.userId))).shadowBanned).toBe(false);
  await expect(room.ended()).rejects.toThrow('the database failed');
  other.exec('ROLLBACK');
  other.close();

  // It was not taken in, so it is done when the bot runs again.
  await room.stopBot();
  await room.startBot();
  await room.ana.until('the command to be carried out', () =>
    room.ana.answersTo(command).find(({ field }) => field.status === 'done'),
  );
  expect((await adminApi().users.get(asUserId(mallory.userId))).shadowBanned).toBe(true);
});
