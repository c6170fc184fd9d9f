import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parseEventId, parseRoomId, parseUserId } from '../../../src/core/ids.ts';
import { readEvent, readEvents } from '../../../src/matrix/sync/read-event.ts';

const room = parseRoomId('!room:x') ?? expect.unreachable();

type Fields = Record<string, unknown>;

const event = (content: Fields, more: Fields = {}): Fields => ({
  type: 'm.room.message',
  event_id: '$event',
  sender: '@ana:x',
  origin_server_ts: 1_700_000_000_000,
  content,
  ...more,
});

const text = (body: string, content: Fields = {}, more: Fields = {}) =>
  event({ msgtype: 'm.text', body, ...content }, more);

const reaction = (relation: Fields, more: Fields = {}) =>
  event(
    { 'm.relates_to': { rel_type: 'm.annotation', event_id: '$target', key: '✅', ...relation } },
    { type: 'm.reaction', ...more },
  );

describe('a message', () => {
  test('is read', () => {
    expect(readEvent(room, text('!help'))).toEqual({
      kind: 'message',
      event: '$event',
      room,
      sender: '@ana:x',
      sentAt: 1_700_000_000_000,
      text: '!help',
      thread: undefined,
      replyTo: undefined,
    });
  });

  test('its pills are read from its HTML, which the body has only the names of', () => {
    const formatted_body = '!user <a href="https://matrix.to/#/@mallory:x">Mallory</a>';
    const html = { format: 'org.matrix.custom.html', formatted_body };
    expect(readEvent(room, text('!user Mallory', html))).toMatchObject({
      text: '!user @mallory:x',
    });
    // HTML of another kind, or none.
    expect(readEvent(room, text('!user Mallory', { formatted_body }))).toMatchObject({
      text: '!user Mallory',
    });
    expect(readEvent(room, text('a', { ...html, formatted_body: 5 }))).toMatchObject({ text: 'a' });
    expect(
      readEvent(room, text('!user *a*', { ...html, formatted_body: '!user <em>a</em>' })),
    ).toMatchObject({ text: '!user *a*' });
  });

  test('says what it mentions, and whether its two texts differ', () => {
    const html = { format: 'org.matrix.custom.html', formatted_body: '!user mallory' };
    expect(readEvent(room, text('!user bob', html))).toMatchObject({
      doubt:
        'The message shows one thing in its formatted text and says another in its plain text.',
    });
    expect(readEvent(room, text('!user mallory', html))).not.toHaveProperty('doubt');
    const mentions = (user_ids: unknown) => ({ 'm.mentions': { user_ids } });
    expect(readEvent(room, text('!user bob', mentions(['@bob:x'])))).toMatchObject({
      mentions: ['@bob:x'],
    });
    for (const broken of [{}, mentions(5), mentions([5]), { 'm.mentions': 'x' }]) {
      expect(readEvent(room, text('!user bob', broken))).not.toHaveProperty('mentions');
    }
  });

  test('of a reply, without what it quotes', () => {
    const reply = { 'm.relates_to': { 'm.in_reply_to': { event_id: '$before' } } };
    expect(readEvent(room, text('> <@b:x> !deactivate c\n\n!help', reply))).toMatchObject({
      text: '!help',
      replyTo: '$before',
      thread: undefined,
    });
  });

  test('in a thread', () => {
    const thread = {
      'm.relates_to': {
        rel_type: 'm.thread',
        event_id: '$root',
        is_falling_back: true,
        'm.in_reply_to': { event_id: '$last' },
      },
    };
    expect(readEvent(room, text('!help', thread))).toMatchObject({
      thread: '$root',
      replyTo: undefined,
      fallsBackTo: '$last',
    });
    const broken = { 'm.relates_to': { rel_type: 'm.thread', event_id: { toString: 1 } } };
    expect(readEvent(room, text('!help', broken))).toMatchObject({ thread: undefined });
  });

  test.each([
    [undefined, '$before'],
    [false, '$before'],
    [true, undefined],
    ['true', undefined],
    [1, undefined],
    [null, undefined],
  ])('in a thread with is_falling_back %j replies to %s', (mark, replyTo) => {
    const relation = {
      rel_type: 'm.thread',
      event_id: '$root',
      'm.in_reply_to': { event_id: '$before' },
      ...(mark === undefined ? {} : { is_falling_back: mark }),
    };
    const read = readEvent(room, text('yes', { 'm.relates_to': relation }));
    expect(read).toMatchObject({ thread: '$root', replyTo });
  });

  test.each([
    [
      'an edit of nothing',
      text('* !help', { 'm.new_content': { msgtype: 'm.text', body: '!help' } }),
    ],
    ['an edit', text('!help', { 'm.relates_to': { rel_type: 'm.replace', event_id: '$e' } })],
    ['a notice', text('!help', { msgtype: 'm.notice' })],
    ['a file', text('!help', { msgtype: 'm.file', url: 'mxc://x/y' })],
    ['redacted', event({}, { unsigned: { redacted_because: {} } })],
    [
      'redacted',
      text('!help', {}, { unsigned: { redacted_because: { type: 'm.room.redaction' } } }),
    ],
    ['redacted', event({})],
    ['state', text('!help', {}, { state_key: '' })],
    ['of another type', text('!help', {}, { type: 'm.room.topic' })],
    [
      'encrypted',
      event({ algorithm: 'm.megolm.v1.aes-sha2', ciphertext: 'x' }, { type: 'm.room.encrypted' }),
    ],
    ['without a body', event({ msgtype: 'm.text' })],
    ['with a body of no text', event({ msgtype: 'm.text', body: { toString: 1 } })],
    ['without a sender', text('!help', {}, { sender: undefined })],
    ['of nobody', text('!help', {}, { sender: 'ana' })],
    ['without an ID', text('!help', {}, { event_id: 5 })],
    ['without a time', text('!help', {}, { origin_server_ts: '5' })],
  ])('that is %s is none', (_, raw) => {
    expect(readEvent(room, raw)).toBeUndefined();
  });
});

describe('what only looks like a message', () => {
  const replaces = { rel_type: 'm.replace', event_id: '$original' };
  const file = { msgtype: 'm.image', url: 'mxc://x/y' };

  test.each([
    [
      text('* !user x', {
        'm.new_content': { msgtype: 'm.text', body: '!user x' },
        'm.relates_to': replaces,
      }),
      { form: 'edit', text: '!user x', edits: '$original' },
    ],
    [text('!user x', { msgtype: 'm.emote' }), { form: 'emote', text: '!user x' }],
    [text('!user x', { ...file, filename: 'a.png' }), { form: 'caption', text: '!user x' }],
  ])('%j is read as such', (raw, expected) => {
    expect(readEvent(room, raw)).toMatchObject({ kind: 'lookalike', ...expected });
  });

  test.each([
    ['a file’s name', text('!user x', { ...file, filename: '!user x' })],
    [
      'an edit of a notice',
      text('* !user x', {
        msgtype: 'm.notice',
        'm.new_content': { msgtype: 'm.notice', body: '!user x' },
        'm.relates_to': replaces,
      }),
    ],
    [
      'a redacted edit',
      text(
        '* !user x',
        { 'm.new_content': { msgtype: 'm.text', body: '!user x' }, 'm.relates_to': replaces },
        { unsigned: { redacted_because: {} } },
      ),
    ],
  ])('%s is not', (_, raw) => {
    expect(readEvent(room, raw)).toBeUndefined();
  });
});

describe('a reaction', () => {
  test('is read, with or without the request for colors', () => {
    const read = {
      kind: 'reaction',
      event: '$event',
      room,
      sender: '@ana:x',
      sentAt: 1_700_000_000_000,
      target: '$target',
    };
    expect(readEvent(room, reaction({}))).toEqual({ ...read, key: '✅' });
    expect(readEvent(room, reaction({ key: '✅\uFE0F' }))).toEqual({ ...read, key: '✅' });
    expect(readEvent(room, reaction({ key: '❌️' }))).toEqual({ ...read, key: '❌' });
  });

  test.each([
    ['redacted', reaction({}, { unsigned: { redacted_because: {} } })],
    ['redacted', event({}, { type: 'm.reaction' })],
    ['another relation', reaction({ rel_type: 'm.reference' })],
    ['without a target', reaction({ event_id: undefined })],
    ['at nothing', reaction({ event_id: 'target' })],
    ['without a key', reaction({ key: undefined })],
    ['a novel', reaction({ key: 'x'.repeat(1000) })],
  ])('that is %s is none', (_, raw) => {
    expect(readEvent(room, raw)).toBeUndefined();
  });
});

test('what the same sync says is redacted is not read', () => {
  const gone = text('!help', {}, { event_id: '$gone' });
  const stays = text('!help', {}, { event_id: '$stays' });
  const redaction = (more: Fields) =>
    event({}, { type: 'm.room.redaction', event_id: '$r', ...more });
  const ids = (events: unknown[]) => readEvents(room, events).map((one) => one.event);
  expect(ids([gone, stays, redaction({ redacts: '$gone' })])).toEqual(['$stays']);
  // Since room version 11.
  expect(ids([gone, stays, redaction({ content: { redacts: '$gone' } })])).toEqual(['$stays']);
  expect(ids([gone, stays])).toEqual(['$gone', '$stays']);
});

/** Events that are nearly right: each field may be anything. */
const nearlyEvent = (() => {
  const anything = fc.oneof(
    fc.jsonValue({ maxDepth: 4 }),
    fc.constantFrom(
      { toString: 1, valueOf: null },
      { __proto__: null },
      [],
      {},
      'x'.repeat(70_000),
    ),
  ) as fc.Arbitrary<unknown>;
  const or = (value: unknown) =>
    fc.oneof({ arbitrary: fc.constant(value), weight: 5 }, { arbitrary: anything, weight: 1 });
  const relation = fc.record(
    {
      rel_type: fc.oneof(or('m.thread'), or('m.annotation'), or('m.replace')),
      event_id: or('$target'),
      key: or('✅'),
      'm.in_reply_to': fc.oneof(anything, fc.record({ event_id: or('$before') })),
    },
    { requiredKeys: [] },
  );
  const content = fc.record(
    {
      msgtype: or('m.text'),
      body: fc.oneof(fc.string({ unit: 'binary' }), anything),
      format: or('org.matrix.custom.html'),
      formatted_body: fc.oneof(or('<a href="https://matrix.to/#/@a:x">'), fc.string()),
      'm.new_content': or(undefined),
      'm.relates_to': fc.oneof(relation, anything, fc.constant(undefined)),
    },
    { requiredKeys: ['msgtype', 'body'] },
  );
  return fc.record(
    {
      type: fc.oneof(or('m.room.message'), or('m.reaction')),
      event_id: or('$event'),
      sender: or('@ana:x'),
      origin_server_ts: or(5),
      unsigned: fc.oneof(fc.constant(undefined), fc.constant({}), anything),
      content: fc.oneof({ arbitrary: content, weight: 5 }, { arbitrary: anything, weight: 1 }),
      redacts: or('$event'),
    },
    { requiredKeys: ['type', 'event_id', 'sender', 'origin_server_ts', 'content'] },
  );
})();

test('whatever the room holds, it is read well or not at all', () => {
  fc.assert(
    fc.property(fc.oneof(nearlyEvent, fc.jsonValue(), fc.anything()), (raw) => {
      const read = readEvent(room, raw);
      expect(readEvents(room, [raw]).length).toBeLessThanOrEqual(1);
      if (read === undefined) {
        return;
      }
      expect(parseEventId(read.event)).toBe(read.event);
      expect(parseUserId(read.sender)).toBe(read.sender);
      expect(Number.isFinite(read.sentAt)).toBe(true);
      expect(JSON.parse(JSON.stringify(read))).toMatchObject({ kind: read.kind });
      const ids =
        read.kind === 'message'
          ? [read.thread, read.replyTo]
          : read.kind === 'lookalike'
            ? [read.thread, read.edits]
            : [read.target];
      const isNone = read.kind === 'reaction' ? 'never' : undefined;
      expect(ids.every((id) => id === isNone || parseEventId(String(id)) === id)).toBe(true);
      expect(read.kind !== 'reaction' || read.key.length <= 64).toBe(true);
      expect(read.kind === 'reaction' || typeof read.text === 'string').toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test('a deep event does no harm', () => {
  const deep = JSON.parse(`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`) as unknown;
  expect(readEvent(room, text('!help', { 'm.relates_to': { x: deep } }))).toBeDefined();
  expect(readEvent(room, deep)).toBeUndefined();
});
