import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { code, line } from '../../../src/chat/answers/answer.ts';
import type { Answer } from '../../../src/chat/answers/answer.ts';
import { parseEventId, parseRoomId } from '../../../src/core/ids.ts';
import { apiNames, editContent, replyContent } from '../../../src/matrix/delivery/content.ts';
import type { Reply } from '../../../src/operations/answer/reply.ts';

const event = parseEventId('$command') ?? expect.unreachable();
const thread = parseEventId('$thread') ?? expect.unreachable();
const original = parseEventId('$answer') ?? expect.unreachable();
const room = parseRoomId('!room:x') ?? expect.unreachable();
const origin = { event, room };

type Fields = Record<string, unknown>;

const replyWith = (answer: Partial<Answer>, more: Partial<Reply> = {}): Reply => ({
  command: 'user',
  status: 'done',
  audit: [],
  answer: { mark: 'ℹ️', title: ['Mallory'], ...answer },
  ...more,
});

const fieldIn = (content: Fields) => content['dev.lawspeaker.answer'] as Fields;
const newContentOf = (content: Fields) => content['m.new_content'] as Fields;
const sizeOf = (content: Fields) => Buffer.byteLength(JSON.stringify(content));
const bothOf = (reply: Reply) => [
  replyContent(reply, origin, '!'),
  editContent(reply, original, '!'),
];

describe('an answer', () => {
  test('is a notice that replies to its command and calls nobody', () => {
    expect(replyContent(replyWith({ data: { userId: '@mallory:x' } }), origin, '!')).toEqual({
      msgtype: 'm.notice',
      body: 'ℹ️ Mallory',
      format: 'org.matrix.custom.html',
      formatted_body: 'ℹ️\u00A0Mallory',
      'm.mentions': {},
      'm.relates_to': { 'm.in_reply_to': { event_id: '$command' } },
      'dev.lawspeaker.answer': {
        command: 'user',
        status: 'done',
        audit: [],
        data: { user_id: '@mallory:x' },
      },
    });
  });

  test('stays in its thread', () => {
    const content = replyContent(replyWith({}), { ...origin, thread }, '!');
    expect(content['m.relates_to']).toEqual({
      rel_type: 'm.thread',
      event_id: '$thread',
      is_falling_back: false,
      'm.in_reply_to': { event_id: '$command' },
    });
  });

  test('says what programs need', () => {
    const reply = replyWith(
      {},
      {
        command: 'deactivate',
        status: 'pending',
        audit: [12, 13],
        confirmation: {
          code: '7K3Q',
          expiresAt: 1_795_294_998_000,
          approvalsNeeded: 1,
          approvals: 0,
        },
        error: { code: 'M_FORBIDDEN', message: 'no' },
      },
    );
    expect(fieldIn(replyContent(reply, origin, '!'))).toEqual({
      command: 'deactivate',
      status: 'pending',
      audit: [12, 13],
      confirmation: {
        code: '7K3Q',
        expires_at: 1_795_294_998_000,
        approvals_needed: 1,
        approvals: 0,
      },
      error: { code: 'M_FORBIDDEN', message: 'no' },
    });
  });
});

test('an edit takes the place of the answer, with all that programs need', () => {
  const reply = replyWith({ data: { a: 1 } });
  const content = editContent(reply, original, '!');
  expect(content).toMatchObject({
    msgtype: 'm.notice',
    body: '* ℹ️ Mallory',
    'm.relates_to': { rel_type: 'm.replace', event_id: '$answer' },
    'm.new_content': { msgtype: 'm.notice', body: 'ℹ️ Mallory', 'm.mentions': {} },
  });
  expect(newContentOf(content)).not.toHaveProperty('m.relates_to');
  expect(fieldIn(content)).toEqual(fieldIn(newContentOf(content)));
  expect(fieldIn(content)).toMatchObject({ command: 'user', status: 'done', data: { a: 1 } });
});

describe('what is too large', () => {
  test('data is left out, and that is said', () => {
    for (const content of bothOf(replyWith({ data: { names: 'x'.repeat(21_000) } }))) {
      expect(fieldIn(content)).toMatchObject({ truncated: true });
      expect(fieldIn(content)).not.toHaveProperty('data');
      expect(content['formatted_body']).toBeDefined();
    }
    expect(fieldIn(replyContent(replyWith({ data: 'x'.repeat(19_000) }), origin, '!'))).toEqual({
      command: 'user',
      status: 'done',
      audit: [],
      data: 'x'.repeat(19_000),
    });
  });

  test('data is measured in bytes', () => {
    const content = replyContent(replyWith({ data: '日'.repeat(7000) }), origin, '!');
    expect(fieldIn(content)).toMatchObject({ truncated: true });
  });

  test('a long text is cut, and that is said', () => {
    for (const content of bothOf(replyWith({ body: [line('x'.repeat(100_000))] }))) {
      expect(String(content['body'])).toMatch(/… \(cut\)$/u);
      expect(content).not.toHaveProperty('formatted_body');
      expect(sizeOf(content)).toBeLessThan(60_000);
    }
  });

  test('a text that is only long as HTML is whole', () => {
    const items = Array.from({ length: 2000 }, () => [code('a')]);
    const content = replyContent(replyWith({ body: [{ kind: 'list', items }] }), origin, '!');
    expect(content).not.toHaveProperty('formatted_body');
    expect(content['body']).not.toContain('(cut)');
  });

  const heavy = fc.constantFrom('x', '日', '😀', '"', '\\', '\n', '\0', '<', '\uD800', 'ä');
  const long = fc
    .tuple(heavy, fc.integer({ min: 0, max: 30_000 }))
    .map(([character, length]) => character.repeat(length));

  test('whatever is said, the event is taken, and says what happened', () => {
    fc.assert(
      fc.property(
        long,
        long,
        long,
        long,
        fc.integer({ min: 0, max: 20_000 }),
        (title, text, data, message, entries) => {
          const audit = Array.from({ length: entries }, (_, at) => 1_000_000 + at);
          const reply = replyWith(
            { title: [title], body: [line(text)], data, next: ['more'] },
            { audit, error: { code: 'x', message }, status: 'partial' },
          );
          for (const content of bothOf(reply)) {
            expect(sizeOf(content)).toBeLessThanOrEqual(60_000);
            expect(JSON.stringify(content).isWellFormed()).toBe(true);
            expect(JSON.stringify(content)).not.toMatch(/\\ud[89a-f]/u);
            expect(fieldIn(content)).toMatchObject({ command: 'user', status: 'partial' });
            const { audit: shown, data: found, truncated } = fieldIn(content);
            expect(truncated === true).toBe(
              found === undefined || (shown as number[]).length < entries,
            );
            const inner = newContentOf(content) ?? content;
            expect(fieldIn(inner)).toEqual(fieldIn(content));
            expect(String(inner['body']).startsWith('ℹ️ ')).toBe(true);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('a batch that fits is told whole', () => {
    const audit = Array.from({ length: 1000 }, (_, at) => at + 1);
    expect(fieldIn(editContent(replyWith({}, { audit }), original, '!'))['audit']).toEqual(audit);
  });
});

describe('apiNames', () => {
  test('writes keys as the API does, and leaves those that are data', () => {
    expect(
      apiNames({
        creationTs: 1,
        shadowBanned: false,
        nested: [{ avatarUrl: null }],
        '@Mallory:x': { lastSeenTs: 2 },
        'm.room.member': 1,
        already_so: 1,
      }),
    ).toEqual({
      creation_ts: 1,
      shadow_banned: false,
      nested: [{ avatar_url: null }],
      '@Mallory:x': { last_seen_ts: 2 },
      'm.room.member': 1,
      already_so: 1,
    });
  });

  test('numbers that an event can’t hold are text', () => {
    expect(apiNames([1, 0, -5, 0.25, 1e300, Number.NaN, Number.MAX_SAFE_INTEGER])).toEqual([
      1,
      0,
      -5,
      '0.25',
      '1e+300',
      'NaN',
      Number.MAX_SAFE_INTEGER,
    ]);
  });

  test('gives what canonical JSON can hold', () => {
    const isCanonical = (value: unknown): boolean =>
      Array.isArray(value)
        ? value.every(isCanonical)
        : typeof value === 'object' && value !== null
          ? Object.entries(value).every(([key, its]) => key.isWellFormed() && isCanonical(its))
          : typeof value === 'number'
            ? Number.isSafeInteger(value)
            : typeof value !== 'string' || value.isWellFormed();
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), fc.dictionary(fc.string({ unit: 'binary' }), fc.double())),
        (value) => {
          expect(isCanonical(apiNames(value))).toBe(true);
        },
      ),
    );
  });
});
