import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { decideConfirmation } from '../../../src/operations/confirm/decide.ts';
import type { Incoming } from '../../../src/operations/management-room.ts';
import { select } from '../../../src/operations/pipeline.ts';
import { botUser, openFuzzBot, people, room } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

let events = 0;

const message = (body: string, sender: string, relation?: object) => {
  events += 1;
  return {
    type: 'm.room.message',
    event_id: `$event${events}`,
    sender,
    origin_server_ts: bot.clock.now,
    content: {
      msgtype: 'm.text',
      body,
      ...(relation === undefined ? {} : { 'm.relates_to': relation }),
    },
  };
};

const tap = (key: string, target: string, sender: string) => {
  events += 1;
  return {
    type: 'm.reaction',
    event_id: `$event${events}`,
    sender,
    origin_server_ts: bot.clock.now,
    content: { 'm.relates_to': { rel_type: 'm.annotation', event_id: target, key } },
  };
};

/** Ben asks; what stands in the room is the confirmation. */
async function asked() {
  const { sent } = await bot.take([message('!deactivate @mallory:localhost', people.ben)]);
  const answer = sent.find(({ outgoing }) => outgoing.kind === 'reply');
  const [confirmation] = (await bot.store.confirmations.pending()).slice(-1);
  if (answer === undefined || confirmation === undefined) {
    throw new Error('nothing was asked');
  }
  return { event: answer.event, confirmation };
}

const replyTo = (event: string) => ({ 'm.in_reply_to': { event_id: event } });

/** What the room was told, in words. */
const words = (sent: readonly { outgoing: unknown }[]) => JSON.stringify(sent);

describe('a reply of who asked', () => {
  test.each([
    'yes',
    ' Yes! ',
    'CONFIRM',
    'Yes please',
    'yes, please.',
    'yep',
    'Yeah',
    'y',
    'ok',
    'OK.',
    'sure',
    '✅',
    '☑️',
    '\u2060yes',
    'ｙｅｓ',
    '!confirm',
  ])('%j confirms', async (text) => {
    const { event } = await asked();
    const { changes } = await bot.take([message(text, people.ben, replyTo(event))]);
    expect(changes).toHaveLength(1);
  });

  test.each(['no.', 'Nope', 'n', 'cancel', 'stop', 'no thanks', '👎', '!cancel'])(
    '%j cancels',
    async (text) => {
      const { event } = await asked();
      const { changes } = await bot.take([message(text, people.ben, replyTo(event))]);
      expect(changes).toEqual([]);
      expect(await bot.store.confirmations.pending()).toEqual([]);
    },
  );

  test.each(['constructor', '__proto__', 'toString', 'yеs', 'yes but wait', 'ok?', ''])(
    '%j decides nothing',
    async (text) => {
      const { event } = await asked();
      const { changes } = await bot.take([message(text, people.ben, replyTo(event))]);
      expect(changes).toEqual([]);
      expect(await bot.store.confirmations.pending()).toHaveLength(1);
    },
  );
});

test.each(['yes', 'No.', 'yes please', 'stop'])(
  '%j that replies to nothing decides nothing, and whoever is asked is told how to decide',
  async (text) => {
    const { confirmation } = await asked();
    const { changes, sent } = await bot.take([message(text, people.ben)]);
    expect(changes).toEqual([]);
    expect(words(sent)).toContain(`confirm ${confirmation.code}`);
    expect((await bot.store.confirmations.pending()).length).toBeGreaterThan(0);
    // Others only talk.
    expect((await bot.take([message(text, people.ana)])).sent).toEqual([]);
  },
);

describe('the code', () => {
  test('alone confirms, as a reply or not, however it is written', async () => {
    for (const isReply of [true, false]) {
      const { event, confirmation } = await asked();
      const text = isReply ? confirmation.code.toLowerCase() : `\`${confirmation.code}\``;
      const relation = isReply ? replyTo(event) : undefined;
      expect((await bot.take([message(text, people.ben, relation)])).changes).toHaveLength(1);
    }
  });

  test('of another than what it replies to confirms neither', async () => {
    const { event } = await asked();
    const { confirmation } = await asked();
    const { changes, sent } = await bot.take([
      message(confirmation.code, people.ben, replyTo(event)),
    ]);
    expect(changes).toEqual([]);
    expect(words(sent)).toContain('is not the code of what you replied to');
  });

  test('in the mouth of somebody who did not ask is refused', async () => {
    const { confirmation } = await asked();
    const { changes, sent } = await bot.take([message(confirmation.code, people.ana)]);
    expect(changes).toEqual([]);
    expect(words(sent)).toContain('who asked, can confirm');
  });

  test('that nothing has is a word', async () => {
    await asked();
    expect(await bot.take([message('ZZZZ', people.ben)])).toMatchObject({ changes: [], sent: [] });
  });
});

describe('a reaction', () => {
  test.each(['✅', '✅\uFE0F', '☑️', '✔️'])('%s confirms', async (key) => {
    const { event } = await asked();
    expect((await bot.take([tap(key, event, people.ben)])).changes).toHaveLength(1);
  });

  test.each(['❌', '✖️', '❎', '👎', '👎🏽'])('%s cancels', async (key) => {
    const { event } = await asked();
    expect((await bot.take([tap(key, event, people.ben)])).changes).toEqual([]);
    expect(await bot.store.confirmations.pending()).toEqual([]);
  });

  test.each(['👍', '👍🏿', '👌'])('%s is asked about', async (key) => {
    const { event, confirmation } = await asked();
    const { changes, sent } = await bot.take([tap(key, event, people.ben)]);
    expect(changes).toEqual([]);
    expect(words(sent)).toContain(`!confirm ${confirmation.code}`);
    expect(await bot.store.confirmations.pending()).toHaveLength(1);
  });

  test('of somebody who may not is answered', async () => {
    const { event } = await asked();
    const { changes, sent } = await bot.take([tap('✅', event, people.vic)]);
    expect(changes).toEqual([]);
    expect(words(sent)).toContain('you need to be a moderator');
  });
});

describe('where a second person must confirm', () => {
  beforeEach(() => {
    Object.assign(bot.context.settings.confirmation, { destructive: 'other', critical: 'other' });
  });

  test('ok of that person is asked about, and yes is enough', async () => {
    const { event, confirmation } = await asked();
    const { changes, sent } = await bot.take([message('ok', people.ana, replyTo(event))]);
    expect(changes).toEqual([]);
    expect(words(sent)).toContain(`!confirm ${confirmation.code}`);
    expect((await bot.take([message('yes', people.ana, replyTo(event))])).changes).toHaveLength(1);
  });

  test.each(['yes', 'no'])('%s to somebody else in a thread is asked about', async (text) => {
    const { event, confirmation } = await asked();
    const relation = {
      rel_type: 'm.thread',
      event_id: '$root',
      is_falling_back: true,
      ...replyTo(event),
    };
    const { changes, sent } = await bot.take([message(text, people.ana, relation)]);
    expect(changes).toEqual([]);
    expect(words(sent)).toContain(`!confirm ${confirmation.code}`);
    expect(await bot.store.confirmations.pending()).toHaveLength(1);
  });

  test('nobody confirms what somebody has asked who has lost the role since', async () => {
    const { event, confirmation } = await asked();
    await bot.take([
      {
        type: 'm.room.power_levels',
        state_key: '',
        event_id: '$levels',
        sender: people.ana,
        content: { users: { [people.ana]: 100 } },
      },
    ]);
    const { changes } = await bot.take([tap('✅', event, people.ana)]);
    expect(changes).toEqual([]);
    expect(await bot.store.confirmations.byEvent(confirmation.eventId)).toMatchObject({
      state: 'cancelled',
    });
  });

  test('the bot’s own tick, word or code confirms nothing', async () => {
    const { event, confirmation } = await asked();
    const { changes } = await bot.take([
      tap('✅', event, botUser),
      message('yes', botUser, replyTo(event)),
      message(confirmation.code, botUser),
      message(`!confirm ${confirmation.code}`, botUser),
    ]);
    expect(changes).toEqual([]);
    expect(await bot.store.confirmations.pending()).toHaveLength(1);
    // Neither is it taken in …
    const own = { kind: 'reaction', room, sender: botUser, target: event, key: '✅' };
    expect(select(bot.context, [own as unknown as Incoming])).toEqual([]);
    // … nor would it count, whatever took it in.
    await expect(
      decideConfirmation(bot.context, confirmation, { decision: 'confirm', by: botUser, event }),
    ).rejects.toThrow('the bot itself can’t confirm or cancel');
  });
});

test('a confirmation whose time is over confirms nothing, also before the bot has noticed', async () => {
  const { event, confirmation } = await asked();
  bot.clock.now = confirmation.expiresAt;
  const by = { decision: 'confirm', by: people.ben, event: '$late' } as never;
  await expect(decideConfirmation(bot.context, confirmation, by)).rejects.toThrow('expired');
  const late = await bot.take([
    tap('✅', event, people.ben),
    message(`!confirm ${confirmation.code}`, people.ben),
  ]);
  expect(late.changes).toEqual([]);
  expect(await bot.store.confirmations.byEvent(confirmation.eventId)).toMatchObject({
    state: 'expired',
  });
});

test('a word that replies to nothing decides nothing', async () => {
  await asked();
  expect((await bot.take([message('yes', people.ben)])).changes).toEqual([]);
});
