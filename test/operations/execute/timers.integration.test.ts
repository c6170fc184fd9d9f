import { afterAll, beforeAll, expect, it } from 'vitest';

import { adminApi, asUserId, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

const isBanned = async (userId: string) =>
  (await adminApi().users.get(asUserId(userId))).shadowBanned;

/** The two answers to a command with `--for`: the action's, and at its end the timer's. */
async function secondAnswer(command: string) {
  return room.ana.until('the end of the timer', () => room.ana.answersTo(command)[1]);
}

it('shadow-ban --for ends by itself, says so, and both are audited', async () => {
  const mallory = await newUser('mallory');
  const command = await room.ana.say(`!shadow-ban ${mallory.userId} --for 1s --reason spam`);
  const answer = await room.ana.answerTo(command);
  expect(answer.body).toMatch(/until .+ UTC, timer \d+/);
  expect(await isBanned(mallory.userId)).toBe(true);
  const end = await secondAnswer(command);
  expect(end.field).toMatchObject({ command: 'unshadow-ban', status: 'done' });
  expect(end.body).toContain(`end of #${answer.field.audit[0]}`);
  expect(await isBanned(mallory.userId)).toBe(false);
  const audit = await room.ana.ask(`!audit --target ${mallory.userId}`);
  expect(audit.field.data).toMatchObject([
    { command: 'unshadow-ban', actor: expect.stringMatching(/^timer:\d+$/), status: 'done' },
    { command: 'shadow-ban', actor: room.ana.user.userId, status: 'done' },
  ]);
});

it('many accounts end in one operation, which one message tells', async () => {
  const accounts = await Promise.all(Array.from({ length: 11 }, async () => newUser('spam')));
  const names = accounts.map(({ userId }) => userId);
  const command = await room.ana.say(`!shadow-ban ${names.join(' ')} --for 10s`);
  const asked = await room.ana.answerTo(command);
  await room.ana.ask('!confirm');
  await room.ana.outcomeOf(asked, 'done');
  const end = await room.ana.until('the end of all', () =>
    room.ana.answersTo(command).find(({ body }) => body.includes('end of operation')),
  );
  const outcome = await room.ana.outcomeOf(end, 'done');
  expect(outcome.body).toContain('11 of 11 accounts done');
  expect(await Promise.all(names.map(isBanned))).toEqual(names.map(() => false));
  // The only other one is the question. Files have no field.
  const answers = room.ana
    .answersTo(command)
    .filter(({ content }) => content['msgtype'] !== 'm.file');
  expect(answers).toHaveLength(2);
});

it('a timer that ran out while the bot was away ends when it is back', async () => {
  const mallory = await newUser('mallory');
  const command = await room.ana.say(`!shadow-ban ${mallory.userId} --for 2s`);
  await room.ana.answerTo(command);
  await room.stopBot();
  expect(await isBanned(mallory.userId)).toBe(true);
  await room.startBot();
  expect((await secondAnswer(command)).field.status).toBe('done');
  expect(await isBanned(mallory.userId)).toBe(false);
});

it('jobs shows what waits, and stop-job stops it', async () => {
  const mallory = await newUser('mallory');
  const answer = await room.ana.ask(`!shadow-ban ${mallory.userId} --for 24h`);
  const job = /timer (\d+)/.exec(answer.body)?.[1];
  const timers = await room.ana.ask('!jobs');
  expect(timers.body).toContain(`!unshadow-ban ${mallory.userId}`);
  expect((await room.vic.ask(`!stop-job ${job}`)).field.status).toBe('denied');
  expect((await room.ben.ask(`!stop-job ${job}`)).field.status).toBe('done');
  expect((await room.ana.ask('!jobs')).body).not.toContain(mallory.userId);
  expect((await room.ana.ask(`!stop-job ${job}`)).body).toContain('has already ended (stopped)');
  expect(await isBanned(mallory.userId)).toBe(true);
});
