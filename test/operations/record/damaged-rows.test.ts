import { afterEach, beforeEach, expect, test } from 'vitest';

import { recover } from '../../../src/operations/execute/recover.ts';
import { createPipeline } from '../../../src/operations/pipeline.ts';
import { setDamagedAside } from '../../../src/operations/record/damaged-rows.ts';
import { openFuzzBot, people, room } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

/** What a start takes up again. */
async function start() {
  const { sent, changes } = await bot.run(async () => {
    await setDamagedAside(bot.context);
    await recover(bot.context);
    const pipeline = createPipeline(bot.context, async () => undefined);
    await pipeline.resume();
    await pipeline.expireConfirmations();
    await pipeline.idle();
  });
  return { changes, sent: sent.map(({ outgoing }) => outgoing) };
}

const message = (event: string, text: string) =>
  JSON.stringify({
    kind: 'message',
    event,
    room,
    sender: people.ben,
    sentAt: bot.clock.now,
    text,
  });

const receive = async (eventId: string, event: string) =>
  bot.store.inbox.add([{ eventId, type: 'message', sender: people.ben, event }], bot.clock.now);

const confirmation = (eventId: string, invocation: string) => ({
  invocation,
  command: 'deactivate',
  requester: people.ben,
  eventId,
  roomId: room,
  danger: 'destructive',
  createdAt: bot.clock.now,
  expiresAt: bot.clock.now + 600_000,
});

const asides = async () =>
  (await bot.store.damagedRows.all()).map(({ source, key }) => `${source} ${key}`);

test.each([
  ['no JSON', '{"kind":'],
  ['of another form', '[]'],
  ['nothing', 'null'],
  ['half of what it was', '{"kind":"message","event":"$e"}'],
])('an event that is %s is set aside, and its neighbors are handled', async (_, damaged) => {
  await receive('$before', message('$before', '!shadow-ban @mallory:localhost'));
  await receive('$damaged', damaged);
  await receive('$after', message('$after', '!shadow-ban @trudy:localhost'));
  const { changes, sent } = await start();
  expect(changes).toHaveLength(2);
  expect(sent).toHaveLength(3);
  const alert = sent.find(({ kind }) => kind === 'alert');
  expect(alert).toMatchObject({ mentions: [people.ana] });
  expect(JSON.stringify(alert)).toContain('1 stored row');
  expect(JSON.stringify(alert)).toContain(people.ben);
  expect(await bot.store.damagedRows.all()).toEqual([
    { source: 'inbox', key: '$damaged', content: damaged, reason: expect.any(String) as string },
  ]);
  // Once.
  expect((await start()).sent).toEqual([]);
});

test.each(['edit', 'caption', 'emote'])(
  'the form %s is answered and not set aside',
  async (form) => {
    const lookalike = {
      kind: 'lookalike',
      form,
      event: '$e',
      room,
      sender: people.ben,
      sentAt: bot.clock.now,
      text: '!shadow-ban @mallory:localhost',
      ...(form === 'edit' ? { edits: '$before' } : {}),
    };
    await receive('$e', JSON.stringify(lookalike));
    const { changes, sent } = await start();
    expect(changes).toEqual([]);
    expect(await asides()).toEqual([]);
    expect(sent).toMatchObject([{ kind: 'reply', reply: { status: 'usage' } }]);
  },
);

test('an answer that can’t be read keeps nothing from being sent', async () => {
  await bot.store.outbox.add({ eventId: '$a', part: 'answer', message: 'nonsense' }, 0);
  await bot.store.outbox.add({ eventId: '$a', part: 'outcome', message: '{"kind":"edit"}' }, 0);
  const { sent } = await start();
  expect(sent).toMatchObject([{ kind: 'alert' }]);
  expect(await asides()).toEqual(['outbox 1', 'outbox 2']);
  expect(await bot.store.outbox.open()).toEqual([]);
});

test('a confirmation that can’t be read is dropped where it stands, others still hold', async () => {
  await bot.store.confirmations.ask(confirmation('$damaged', '{}'));
  const asked = await bot.take([
    {
      type: 'm.room.message',
      event_id: '$good',
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body: '!deactivate @mallory:localhost' },
    },
  ]);
  expect(asked.sent.length).toBeGreaterThan(0);
  const { sent } = await start();
  expect(sent).toMatchObject([
    { kind: 'edit', origin: { event: '$damaged' }, reply: { status: 'expired' } },
    { kind: 'alert' },
  ]);
  expect((await bot.store.confirmations.pending()).map(({ eventId }) => eventId)).toEqual([
    '$good',
  ]);
});

test('work that can’t be read is ended as not known', async () => {
  const intent = {
    actor: people.ben,
    command: 'suspend',
    arguments: {},
    eventId: '$e',
    roomId: room,
  };
  const id = await bot.store.transaction(async ({ auditLog, operations }) => {
    await operations.start(
      {
        eventId: '$e',
        roomId: room,
        actor: people.ben,
        command: 'suspend',
        danger: 'change',
        invocation: '"x"',
      },
      0,
    );
    return auditLog.begin(intent, 0);
  });
  const { sent } = await start();
  expect(JSON.stringify(sent)).toContain(`#${id}`);
  expect(await bot.store.operations.running()).toEqual([]);
  expect(await bot.store.auditLog.get(id)).toMatchObject({ status: 'unknown' });
  expect((await bot.store.auditLog.verify()).fault).toBeUndefined();
});

test('a timer that can’t be read does not hold up the others', async () => {
  const add = async (line: string) =>
    bot.store.transaction(async ({ auditLog, timers }) => {
      const intent = {
        actor: people.ben,
        command: 'x',
        arguments: {},
        eventId: '$e',
        roomId: room,
      };
      const intentId = await auditLog.begin(intent, 0);
      const at = bot.clock.now;
      return timers.add({
        line,
        runAt: at,
        askedBy: people.ben,
        intentId,
        eventId: '$e',
        roomId: room,
        createdAt: at,
      });
    });
  const ids = [
    await add('unshadow-ban'),
    await add('no-such-command @x:localhost'),
    await add('unshadow-ban @mallory:localhost'),
  ];
  await start();
  const states = await Promise.all(ids.map(async (id) => (await bot.store.timers.get(id))?.state));
  expect(states).toEqual(['failed', 'failed', 'scheduled']);
});

test.each([
  ['waitingForKeys', '[1]'],
  ['reports.event localhost', '{'],
  ['reports.user localhost', '7'],
  ['reports.digest', '[]'],
  ['reports.breaker', 'soon'],
  ['audit_head', '812 abc'],
  ['record_gap', '1'],
])('the value %s that can’t be read is set aside and told', async (name, value) => {
  await bot.store.syncState.set(name, value);
  const { sent } = await start();
  expect(sent).toMatchObject([{ kind: 'alert' }]);
  expect(JSON.stringify(sent)).toContain(name);
  expect(await bot.store.syncState.get(name)).toBeUndefined();
  expect(await bot.store.damagedRows.all()).toMatchObject([{ key: name, content: value }]);
});

test('what can be read stays, and nothing is told', async () => {
  await bot.store.syncState.set('waitingForKeys', '[]');
  await bot.store.syncState.set(
    'reports.event localhost',
    '{"startedAt":1,"isComplete":true,"isQuiet":false,"total":1}',
  );
  await bot.store.anchor.set({ count: 1, head: 'a'.repeat(64), at: 1 });
  await bot.store.dataLoss.set({ foundAt: 1, lastMessageAt: 1, lastKept: 0, lastShown: 2 });
  expect((await start()).sent).toEqual([]);
  expect(await asides()).toEqual([]);
});
