import { afterEach, beforeEach, expect, test } from 'vitest';

import { StoreError } from '../../src/core/errors.ts';
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
let pipeline: ReturnType<typeof createPipeline>;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  said = [];
  hasRoom = false;
  let isFirst = true;
  const { store } = bot.context;
  const transaction: typeof store.transaction = async (work, options) => {
    if (!isFirst && !hasRoom) {
      throw new StoreError('the database failed (53100)');
    }
    isFirst = false;
    return store.transaction(work, options);
  };
  pipeline = createPipeline(
    { ...bot.context, store: { ...store, transaction } },
    async (outgoing) => {
      said.push(outgoing);
    },
  );
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

const answers = async () =>
  (await bot.store.outbox.open(event)).map(({ message }) => JSON.parse(message) as Outgoing);

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

test('what has been handled meanwhile is not handled again', async () => {
  await send({ kind: 'message', text: '!version' });
  await bot.store.inbox.markHandled(event, bot.clock.now);
  hasRoom = true;
  await tryAgain();
  expect(await answers()).toEqual([]);
});
