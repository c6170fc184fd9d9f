import { afterEach, beforeEach, expect, it } from 'vitest';

import { openGate } from '../../dev/room/gate.ts';
import { adminApi, asUserId, homeserver, newUser } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';
import { onPostgres } from '../support/test-database.ts';

let room: TestRoom;
beforeEach(async () => {
  room = await openRoom();
});
afterEach(async () => room.close());

it('nothing is carried out while the database can’t be written, and the room hears it', async () => {
  const mallory = await newUser('mallory');
  const release = await room.database.block();
  const command = await room.ana.say(`!shadow-ban ${mallory.userId}`);
  const answer = await room.ana.answerTo(command);
  expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'store' } });
  expect(answer.body).toContain('the database failed');
  expect(answer.body).toContain('When I can write again, I do this, unless it is too old by then.');
  expect((await adminApi().users.get(asUserId(mallory.userId))).shadowBanned).toBe(false);
  await expect(room.ended()).rejects.toThrow('the database failed');
  await release();

  // It was not taken in, so it is done when the bot runs again.
  await room.stopBot();
  await room.startBot();
  await room.ana.until('the command to be carried out', () =>
    room.ana.answersTo(command).find(({ field }) => field.status === 'done'),
  );
  expect((await adminApi().users.get(asUserId(mallory.userId))).shadowBanned).toBe(true);
});

// A process that can't renew its lease on PostgreSQL says nothing more.
it.skipIf(onPostgres)(
  'SQLite: a tick that can’t be recorded confirms nothing, the room hears it, and it counts later',
  async () => {
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    // Behind the confirmation come its reactions.
    await room.ana.until('both reactions', () =>
      room.ana.events.filter(({ type }) => type === 'm.reaction').at(1),
    );
    const release = await room.database.block();
    // Of talk nothing is kept but the sync token, which ends nothing when it can't be.
    await room.ana.say('hello');
    await room.ana.user.react(room.id, confirmation.event, '✅');
    const alert = await room.ana.until('the alert', () =>
      room.ana.events.find(({ content }) =>
        String(content['body']).includes('the database failed'),
      ),
    );
    expect(alert.content['dev.lawspeaker.answer']).toMatchObject({ error: { code: 'store' } });
    expect((await adminApi().users.get(asUserId(mallory.userId))).deactivated).toBe(false);
    await expect(room.ended()).rejects.toThrow('the database failed');
    await release();

    await room.stopBot();
    await room.startBot();
    await room.ana.outcomeOf(confirmation, 'done');
  },
);

it('an outcome that can’t be recorded is not called undone, and is told later', async () => {
  await using gate = await openGate(homeserver().url);
  const here = await openRoom({ homeserver: { adminUrl: gate.url } });
  const mallory = await newUser('mallory');
  const call = gate.meet('POST', /\/shadow_ban/);
  const command = await here.ana.say(`!shadow-ban ${mallory.userId}`);
  const passage = await call;
  await passage.forward();
  const release = await here.database.block();
  passage.answer();
  const answer = await here.ana.answerTo(command);
  expect(answer.field).toMatchObject({ status: 'unknown', error: { code: 'store' } });
  expect(answer.body).toContain('it was sent');
  expect(answer.body).not.toContain('Nothing');
  await release();

  await here.stopBot();
  await here.startBot();
  await here.ana.until('the outcome', () =>
    here.ana.answersTo(command).find(({ field }) => field.status === 'done'),
  );
  expect(gate.count('POST', /\/shadow_ban/)).toBe(1);
  const audit = await here.ana.ask(`!audit --target ${mallory.userId}`);
  expect(audit.field.data).toMatchObject([{ command: 'shadow-ban', status: 'done' }]);
  await here.close();
});
