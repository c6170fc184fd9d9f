import { afterEach, beforeEach, expect, test } from 'vitest';

import { StoreUnavailableError } from '../../src/core/errors.ts';
import type { EventId } from '../../src/core/ids.ts';
import type { Outgoing } from '../../src/operations/answer/reply.ts';
import type { Incoming } from '../../src/operations/management-room.ts';
import { createPipeline } from '../../src/operations/pipeline.ts';
import { openFuzzBot, people, room } from '../support/fuzz-bot.ts';
import type { FuzzBot } from '../support/fuzz-bot.ts';

/** A database that takes events in, and then has no more room for a while. */
let bot: FuzzBot;
let said: Outgoing[];
let hasRoom: boolean;
/** How many of the next transactions succeed before one fails, and then there is room. */
let failsAfter: number | undefined;
let pipeline: ReturnType<typeof createPipeline>;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  said = [];
  hasRoom = false;
  failsAfter = undefined;
  let isFirst = true;
  const { transaction: write } = bot.store;
  const transaction: typeof write = async (work, options) => {
    const isFull = failsAfter === undefined ? !isFirst && !hasRoom : failsAfter === 0;
    failsAfter = failsAfter === undefined ? undefined : failsAfter - 1;
    if (isFull) {
      throw new StoreUnavailableError('the database failed (53100)');
    }
    isFirst = false;
    return write(work, options);
  };
  Object.assign(bot.store, { transaction });
  pipeline = createPipeline(bot.context, async (outgoing) => {
    said.push(outgoing);
  });
});
afterEach(async () => bot.store.close());

const event = '$command' as EventId;
const send = async (incoming: object) => {
  const sent = { event, room, sender: people.ana, sentAt: bot.clock.now, ...incoming } as Incoming;
  await pipeline.accept([sent]);
  await pipeline.idle();
};

/** What recovery does from time to time. */
const tryAgain = async () => {
  await pipeline.handleAgain();
  await pipeline.idle();
};

const answersTo = async (command: EventId) =>
  (await bot.store.outbox.open(command)).map(({ message }) => JSON.parse(message) as Outgoing);
const answers = async () => answersTo(event);

test('a command that the database has no room for is done once there is room', async () => {
  await send({ kind: 'message', text: '!version' });
  expect(JSON.stringify(said)).toContain('When I can write again, I do this');
  await tryAgain();
  expect(await answers()).toEqual([]);
  hasRoom = true;
  await tryAgain();
  await tryAgain();
  expect(await answers()).toMatchObject([{ kind: 'reply', reply: { status: 'done' } }]);
  expect(await bot.store.inbox.open()).toEqual([]);
});

test('what only looks like a command is answered once there is room', async () => {
  await send({ kind: 'lookalike', form: 'emote', text: '!version' });
  hasRoom = true;
  await tryAgain();
  expect(await answers()).toMatchObject([{ kind: 'reply', reply: { status: 'usage' } }]);
});

test('a decision that the database had no room for is made once there is room', async () => {
  hasRoom = true;
  await send({ kind: 'message', text: '!deactivate @mallory:localhost' });
  // The decision is received. It can't be recorded, but that it failed could be.
  failsAfter = 1;
  await send({ kind: 'message', text: '!confirm', event: '$confirm' });
  expect(JSON.stringify(said)).toContain('When I can write again, I do this');
  expect(await bot.store.confirmations.byEvent(event)).toMatchObject({ state: 'pending' });
  await tryAgain();
  expect(await bot.store.confirmations.byEvent(event)).toMatchObject({ state: 'confirmed' });
  expect(await bot.store.inbox.open()).toEqual([]);
});

test('a decision whose outcome the database had no room for is answered once there is room', async () => {
  hasRoom = true;
  await send({ kind: 'message', text: '!deactivate @mallory:localhost @eve:localhost' });
  // The decision is received, and the operation is started.
  failsAfter = 2;
  const confirm = '$confirm' as EventId;
  await send({ kind: 'message', text: '!confirm', event: confirm });
  expect(JSON.stringify(said)).toContain('Not known whether it was done');
  expect(await answersTo(confirm)).toEqual([]);
  await tryAgain();
  const [answer, ...more] = await answersTo(confirm);
  expect(answer).toMatchObject({ kind: 'reply', reply: { command: 'confirm' } });
  expect(JSON.stringify(answer)).not.toContain('database');
  expect(more).toEqual([]);
});

test('what has been handled meanwhile is not handled again', async () => {
  await send({ kind: 'message', text: '!version' });
  await bot.store.inbox.markHandled(event, bot.clock.now);
  hasRoom = true;
  await tryAgain();
  expect(await answers()).toEqual([]);
});
