import { afterEach, beforeEach, expect, test } from 'vitest';

import type { EventId } from '../../../src/core/ids.ts';
import { clearText } from '../../../src/matrix/crypto/room-crypto.ts';
import { readOwnMessages } from '../../../src/matrix/room/own-messages.ts';
import type { OwnMessage } from '../../../src/operations/record/own-message.ts';
import { compareWithRoom } from '../../../src/operations/record/room-record.ts';
import { fakeClient } from '../../support/fake-client.ts';
import { botUser, openFuzzBot, people, room } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

const command = (event: string, body: string, sentAt = bot.clock.now) => ({
  type: 'm.room.message',
  event_id: event,
  sender: people.ben,
  origin_server_ts: sentAt,
  content: { msgtype: 'm.text', body },
});

const tick = (event: string, target: string) => ({
  type: 'm.reaction',
  event_id: event,
  sender: people.ben,
  origin_server_ts: bot.clock.now,
  content: { 'm.relates_to': { rel_type: 'm.annotation', event_id: target, key: '✅' } },
});

const said = (message: Partial<OwnMessage>): OwnMessage => ({
  event: '$own' as EventId,
  sentAt: bot.clock.now - 1000,
  replyTo: undefined,
  edits: undefined,
  answer: { command: 'shadow-ban', status: 'done', audit: [7] },
  firstLine: '✅ Shadow-banned <b>mallory</b>',
  ...message,
});

const compare = async (...own: OwnMessage[]) =>
  (await bot.run(async () => compareWithRoom(bot.context, own))).sent.map(
    ({ outgoing }) => outgoing,
  );

test('what the room shows as answered is not done; what it does not, is', async () => {
  const [alert, ...more] = await compare(said({ replyTo: '$answered' as EventId }));
  expect(more).toEqual([]);
  expect(alert).toMatchObject({ kind: 'alert', mentions: [people.ana] });
  bot.clock.now += 1000;
  const { changes, sent } = await bot.take([
    command('$answered', '!shadow-ban @mallory:localhost'),
    command('$new', '!shadow-ban @trudy:localhost'),
  ]);
  expect(changes).toEqual([expect.stringContaining('trudy')]);
  expect(sent).toHaveLength(1);
});

test('an answer that can’t be decrypted counts, and is no alarm by itself', async () => {
  const own = said({ replyTo: '$answered' as EventId, answer: undefined, firstLine: '' });
  expect(await compare(own)).toEqual([]);
  const { changes, sent } = await bot.take([
    command('$answered', '!shadow-ban @mallory:localhost'),
  ]);
  expect([changes, sent]).toEqual([[], []]);
});

test('a command that could not be stored, and was refused for that, is done later', async () => {
  const answer = { command: '', status: 'failed', audit: [], error: { code: 'store' } };
  expect(await compare(said({ replyTo: '$refused' as EventId, answer }))).toEqual([]);
  const { changes } = await bot.take([command('$refused', '!shadow-ban @mallory:localhost')]);
  expect(changes).toHaveLength(1);
});

test('an answer whose sending a crash cut off is no sign of a loss', async () => {
  await bot.take([command('$known', '!shadow-ban @mallory:localhost')]);
  const entries = (await bot.store.auditLog.search({ limit: 10 })).map(({ id }) => id);
  const answer = { command: 'shadow-ban', status: 'failed', audit: entries };
  expect(await compare(said({ replyTo: '$known' as EventId, answer }))).toEqual([]);
  expect(await bot.store.dataLoss.get()).toBeUndefined();
});

test('an answer that a power cut took from the outbox is no sign of a loss if its action is recorded', async () => {
  const intent = {
    actor: people.ben,
    command: 'shadow-ban',
    arguments: {},
    target: '@mallory:localhost',
    eventId: '$known',
    roomId: room,
  };
  const id = await bot.store.transaction(async ({ auditLog }) =>
    auditLog.begin(intent, bot.clock.now - 2000),
  );
  const answer = { command: 'shadow-ban', status: 'done', audit: [id] };
  expect(await compare(said({ replyTo: '$known' as EventId, answer }))).toEqual([]);
  expect(await bot.store.dataLoss.get()).toBeUndefined();
  // In a restored database, the same number stands for something else.
  await compare(said({ replyTo: '$other' as EventId, answer }));
  expect(await bot.store.dataLoss.get()).toBeDefined();
});

test('a command of the lost time that has no answer may have been begun: it is not done', async () => {
  await compare(said({ replyTo: '$answered' as EventId }));
  const { changes, sent } = await bot.take([
    command('$begun', '!shadow-ban @mallory:localhost', bot.clock.now - 2000),
  ]);
  expect(changes).toEqual([]);
  expect(sent).toMatchObject([{ outgoing: { reply: { status: 'stale' } } }]);
  expect(JSON.stringify(sent)).toContain('my database was restored or lost');
});

test('a confirmation that the room shows as decided is decided, without a word', async () => {
  const asked = await bot.take([command('$ask', '!deactivate @mallory:localhost')]);
  const confirmation = asked.sent.find(({ outgoing }) => outgoing.kind === 'reply')?.event;
  const edit = said({
    event: '$edit' as EventId,
    edits: confirmation,
    sentAt: bot.clock.now + 1,
    answer: { command: 'deactivate', status: 'done', audit: [9] },
  });
  // Its reactions invite nobody any more.
  expect(await compare(edit)).toMatchObject([
    { kind: 'withdraw', stage: 'react-confirm' },
    { kind: 'withdraw', stage: 'react-cancel' },
    { kind: 'alert' },
  ]);
  expect(await bot.store.confirmations.byEvent('$ask')).toMatchObject({ state: 'confirmed' });
  bot.clock.now += 1000;
  // The sync brings again what was sent after the backup.
  const again = { ...tick('$again', confirmation ?? ''), origin_server_ts: bot.clock.now - 1000 };
  expect(await bot.take([again])).toMatchObject({ changes: [], sent: [] });
  const { changes } = await bot.take([tick('$tick', confirmation ?? '')]);
  expect(changes).toEqual([]);
  bot.clock.now += 3_600_000;
  expect((await bot.expireConfirmations()).sent).toEqual([]);
});

test('of an operation whose end a power cut took from the record, the reactions are removed, too', async () => {
  const asked = await bot.take([command('$ask', '!deactivate @mallory:localhost')]);
  const edits = asked.sent.find(({ outgoing }) => outgoing.kind === 'reply')?.event;
  const { id = 0 } = (await bot.store.confirmations.byEvent('$ask')) ?? {};
  const now = bot.clock.now + 1;
  await bot.store.transaction(async ({ confirmations, operations }) => {
    await confirmations.decide(id, 'confirmed', { user: people.ana, eventId: '$tick' }, now);
    const { invocation = '' } = (await operations.get(id)) ?? {};
    const started = { eventId: '$ask', roomId: room, actor: people.ben, invocation };
    await operations.start({ ...started, command: 'deactivate', danger: 'destructive' }, now);
  });
  const answer = { command: 'deactivate', status: 'done', audit: [] };
  expect(await compare({ ...said({ edits, answer }), sentAt: now })).toMatchObject([
    { kind: 'withdraw', stage: 'react-confirm' },
    { kind: 'withdraw', stage: 'react-cancel' },
  ]);
  expect(await bot.store.operations.running()).toEqual([]);
});

test.each([
  ['done', 'done'],
  ['running', 'unknown'],
  ['cancelled', 'cancelled'],
  ['pending', 'scheduled'],
])('a scheduled operation of the backup that the room shows as %s is %s', async (status, state) => {
  const { sent } = await bot.take([command('$ask', '!lock @mallory:localhost --in 2h')]);
  const edits = sent.find(({ outgoing }) => outgoing.kind === 'reply')?.event;
  const edit = said({ edits, answer: { command: 'lock', status, audit: [] } });
  await compare({ ...edit, sentAt: bot.clock.now });
  expect(await bot.store.operations.byEvent('$ask')).toMatchObject({ state });
});

test('an operation of the backup that the room shows as ended is ended, as the room shows', async () => {
  const targets = ['@one:localhost', '@two:localhost'];
  const entries = await bot.store.transaction(async ({ auditLog, operations, outbox }) => {
    await outbox.remember('$ask', 'answer', '$confirmation', bot.clock.now);
    await operations.start(
      {
        eventId: '$ask',
        roomId: room,
        actor: people.ben,
        command: 'deactivate',
        danger: 'destructive',
        invocation: '"x"',
      },
      bot.clock.now,
    );
    const begun: number[] = [];
    for (const target of targets) {
      const intent = { actor: people.ben, command: 'deactivate', arguments: {}, target };
      begun.push(await auditLog.begin({ ...intent, eventId: '$ask', roomId: room }, bot.clock.now));
    }
    return begun;
  });
  const data = [
    { user_id: targets[0], status: 'failed', audit: entries[0] },
    { user_id: targets[1], status: 'done', audit: entries[1] },
    { user_id: '@three:localhost', status: 'done', audit: 9 },
  ];
  const running = { command: 'deactivate', status: 'running', audit: [] };
  const edits = '$confirmation' as EventId;
  await compare(said({ event: '$running' as EventId, edits, answer: running }));
  expect(await bot.store.operations.running()).toHaveLength(1);
  const answer = { command: 'deactivate', status: 'partial', audit: [...entries, 9], data };
  expect(await compare(said({ edits, answer }))).toMatchObject([{ kind: 'alert' }]);
  expect(await bot.store.operations.running()).toEqual([]);
  const found = await bot.store.auditLog.search({ eventId: '$ask', limit: 10 });
  expect(found.map(({ status }) => status)).toEqual(['done', 'failed']);
});

test('a message that was to be sent when the backup was made is not sent again', async () => {
  const origin = { event: '$asked', room };
  const message = (kind: string) => JSON.stringify({ kind, origin });
  await bot.store.transaction(async ({ outbox }) => {
    for (const [part, kind] of [
      ['answer', 'reply'],
      ['running', 'edit'],
      ['outcome', 'edit'],
    ] as const) {
      await outbox.add({ eventId: '$asked', part, message: message(kind) }, bot.clock.now);
    }
  });
  const answer = { command: 'deactivate', status: 'done', audit: [] };
  await compareWithRoom(bot.context, [
    said({ event: '$edit' as EventId, edits: '$answer' as EventId, answer }),
    said({ event: '$answer' as EventId, replyTo: '$asked' as EventId, answer }),
  ]);
  expect(await bot.store.outbox.sentEvent('$asked', 'answer')).toBe('$answer');
  expect(await bot.store.outbox.sentEvent('$asked', 'running')).toBe('$edit');
  expect(await bot.store.outbox.isPending('$asked', 'outcome')).toBe(true);
});

test('heads of rows that are not there show a loss, once, where the lost rows posted nothing', async () => {
  await bot.take([command('$known', '!shadow-ban @mallory:localhost')]);
  const { count = 0, head = '' } = (await bot.store.auditLog.end()) ?? {};
  const heads = [
    { count, head, at: 1 },
    { count: count + 3, head: 'a'.repeat(64), at: 2 },
  ];
  const found: unknown[] = [];
  const start = async (shown = heads) =>
    (
      await bot.run(async () => {
        found.push(await compareWithRoom(bot.context, [], shown));
      })
    ).sent;
  expect(await start(heads.slice(0, 1))).toEqual([]);
  const [alert, ...others] = await start();
  expect(others).toEqual([]);
  expect(JSON.stringify(alert)).toContain('My database is older than this room');
  expect(JSON.stringify(alert)).toContain(
    `The head of row ${count + 3} was posted in this room, but my audit log has no such row.`,
  );
  expect(await start()).toEqual([]);
  expect(found).toEqual([undefined, { at: bot.clock.now, kept: count, told: true }, undefined]);
  expect(await bot.store.dataLoss.get()).toMatchObject({ lastKept: count, lastShown: count + 3 });
});

test('the alert says how much is missing, from when to when, and where the room shows it', async () => {
  const sentAt = Date.UTC(2026, 10, 20, 9, 30);
  const answer = (id: number) => ({ command: 'redact', status: 'done', audit: [id] });
  const [alert] = await compare(
    ...Array.from({ length: 30 }, (_, at) => 30 - at).map((id) =>
      said({
        event: `$own${id}` as EventId,
        replyTo: `$command${id}` as EventId,
        sentAt: sentAt + id * 60_000,
        answer: answer(id),
      }),
    ),
  );
  const text = JSON.stringify(alert);
  expect(text).toContain(
    '30 actions are missing, from 2026-11-20 09:31 UTC to 2026-11-20 10:00 UTC.',
  );
  expect(text).toContain('The last 20:');
  expect(text).toContain(`https://matrix.to/#/${encodeURIComponent(room)}/%24own1"`);
  expect(text).toContain('Timers that these actions set are lost');
});

test('timers that the room shows as run or stopped are over, others are not', async () => {
  const add = async (event: string, target = '@mallory:localhost') =>
    bot.store.transaction(async ({ auditLog, timers }) => {
      const at = bot.clock.now - 1000;
      const intent = {
        actor: people.ben,
        command: 'shadow-ban',
        arguments: {},
        target,
        eventId: event,
        roomId: room,
      };
      const intentId = await auditLog.begin(intent, at);
      return timers.add({
        line: 'unshadow-ban @mallory:localhost',
        runAt: at,
        askedBy: people.ben,
        intentId,
        eventId: event,
        roomId: room,
        createdAt: at,
      });
    });
  const [ran, stopped, due] = [await add('$one'), await add('$two'), await add('$three')];
  const followed = await add('$five', '@followed:localhost');
  const own = await add('$six', '@own:localhost');
  const ofMany = [await add('$bulk', '@u1:localhost'), await add('$bulk', '@u2:localhost')];
  await compare(
    said({
      event: '$newer' as EventId,
      replyTo: '$again' as EventId,
      sentAt: bot.clock.now,
      answer: {
        command: 'shadow-ban',
        status: 'done',
        audit: [13],
        data: { user_id: '@followed:localhost' },
      },
    }),
    said({
      event: '$set' as EventId,
      replyTo: '$six' as EventId,
      sentAt: bot.clock.now,
      answer: {
        command: 'shadow-ban',
        status: 'done',
        audit: [14],
        data: { user_id: '@own:localhost' },
      },
    }),
    said({
      event: '$stop' as EventId,
      replyTo: '$stopping' as EventId,
      answer: { command: 'stop-job', status: 'done', audit: [12], data: { id: stopped } },
    }),
    said({
      event: '$ran' as EventId,
      replyTo: '$one' as EventId,
      answer: { command: 'unshadow-ban', status: 'done', audit: [11] },
    }),
    said({
      event: '$end' as EventId,
      replyTo: '$bulk' as EventId,
      answer: { command: 'undo', status: 'done', audit: [15, 16] },
    }),
  );
  const states = await Promise.all(
    [ran, stopped, due, followed, own, ...ofMany].map(
      async (id) => (await bot.store.timers.get(id))?.state,
    ),
  );
  expect(states).toEqual(['done', 'stopped', 'scheduled', 'stopped', 'scheduled', 'done', 'done']);
  expect(await add('$four')).toBeGreaterThan(1000);
});

test('reports of the lost time are left to people, and numbers are not used again', async () => {
  const report = (reportId: number, subject: string, receivedTs: number) => ({
    kind: 'user' as const,
    reportId,
    receivedTs,
    subject,
    reporter: people.vic,
    reason: null,
    score: null,
    roomId: null,
    roomName: null,
    sender: subject,
  });
  const how = { isBacklog: false, isQuiet: false };
  const join = async (...parameters: Parameters<typeof report>) =>
    bot.store.transaction(async ({ reports }) =>
      reports.add(report(...parameters), bot.clock.now, how),
    );
  const known = await join(1, '@known:localhost', bot.clock.now - 10_000);
  const answer = { command: 'report', status: 'done', audit: [], data: { id: 1700 } };
  await compare(
    said({ event: '$card' as EventId, answer }),
    said({ replyTo: '$answered' as EventId }),
  );
  expect(await bot.store.reportItems.get(known?.itemId ?? 0)).toMatchObject({ isBacklog: true });
  const next = await join(2, '@next:localhost', bot.clock.now + 1);
  expect(next?.itemId).toBe(2001);
  bot.clock.now += 1000;
  const { sent } = await bot.take([tick('$tick', '$card')]);
  expect(JSON.stringify(sent)).toContain('from before my database was restored');
});

test('a head in the room that the log does not hold is an alarm, one that it holds is not', async () => {
  const head = (count: number, hash: string) =>
    said({ answer: { command: 'audit', status: 'done', audit: [], data: { count, head: hash } } });
  await bot.take([command('$known', '!shadow-ban @mallory:localhost')]);
  const hash = (await bot.store.auditLog.verify()).head;
  expect(await compare(head(2, hash))).toEqual([]);
  expect(JSON.stringify(await compare(head(2, 'a'.repeat(64))))).toContain('replaced or changed');
  bot.clock.now += 1000;
  expect(JSON.stringify(await compare(head(900, hash)))).toContain('has no such row');
});

test('only what the bot itself has sent counts, whatever else claims to be its answer', async () => {
  const field = { command: 'shadow-ban', status: 'done', audit: [99] };
  const event = (id: string, sender: string, content: object) => ({
    type: 'm.room.message',
    event_id: id,
    sender,
    origin_server_ts: 1,
    content: { msgtype: 'm.notice', body: '✅ Done\nmore', ...content },
  });
  const replying = { 'm.relates_to': { 'm.in_reply_to': { event_id: '$command' } } };
  const asked: unknown[] = [];
  const own = await readOwnMessages(
    {
      crypto: clearText(async () => false),
      client: fakeClient((request) => {
        asked.push(request);
        return {
          chunk: [
            event('$forged', people.ben, { ...replying, 'dev.lawspeaker.answer': field }),
            event('$typed', botUser, { ...replying }),
            event('$known', botUser, { ...replying, 'dev.lawspeaker.answer': field }),
            event('$own', botUser, { ...replying, 'dev.lawspeaker.answer': field }),
            { ...event('$broken', botUser, {}), content: { 'dev.lawspeaker.answer': 'x' } },
            {
              ...event('$locked', botUser, { ...replying, ciphertext: 'AAAA' }),
              type: 'm.room.encrypted',
            },
            'nonsense',
          ],
        };
      }),
    },
    room,
    botUser,
    async (id) => id === '$known',
  );
  expect(own).toEqual([
    {
      event: '$own',
      sentAt: 1,
      replyTo: '$command',
      edits: undefined,
      answer: expect.objectContaining(field) as object,
      firstLine: '✅ Done',
    },
    {
      event: '$locked',
      sentAt: 1,
      replyTo: '$command',
      edits: undefined,
      answer: undefined,
      firstLine: '',
    },
  ]);
  expect(asked).toHaveLength(1);
});
