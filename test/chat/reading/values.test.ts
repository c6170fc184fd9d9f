import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { visible } from '../../../src/chat/answers/untrusted-text.ts';
import { tokenize } from '../../../src/chat/reading/tokenize.ts';
import {
  idWord,
  readMedia,
  readReference,
  readUser,
  withoutMarksAround,
} from '../../../src/chat/reading/values.ts';

const user = (id: string) => ({ kind: 'user', user: id });
const room = (id: string) => ({ kind: 'room', room: id });
const event = (id: string, eventId: string) => ({ kind: 'event', room: id, event: eventId });

const version12 = '!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM';

describe('readReference', () => {
  test.each([
    ['@mallory:example.com', user('@mallory:example.com')],
    ['!abc:example.com', room('!abc:example.com')],
    [version12, room(version12)],
    ['#lobby:example.com', room('#lobby:example.com')],

    ['https://matrix.to/#/@mallory:example.com', user('@mallory:example.com')],
    ['http://matrix.to/#/@mallory:example.com', user('@mallory:example.com')],
    ['https://matrix.to/#/%40mallory%3Aexample.com', user('@mallory:example.com')],
    ['https://matrix.to/#/@mallory:example.com/', user('@mallory:example.com')],
    ['https://matrix.to/#/@mal%20lory:x', user('@mal lory:x')],
    ['https://matrix.to/#/@mal%E2%80%AElory:x', user('@mal\u202Elory:x')],
    ['matrix:u/:x', user('@:x')],
    ['https://chat.example.org/#/user/@mallory:x', user('@mallory:x')],
    ['https://chat.example.org/app/#/user/%40mallory%3Ax?via=x', user('@mallory:x')],
    ['https://chat.example.org/#/room/!abc:x?via=x', room('!abc:x')],
    ['https://chat.example.org/#/room/#lobby:x', room('#lobby:x')],
    ['https://chat.example.org/#/room/!abc:x/$event?via=x', event('!abc:x', '$event')],
    ['io.element.desktop://vector/webapp/#/user/@mallory:x', user('@mallory:x')],
    ['https://matrix.to/#/@mallory/bot:example.com', user('@mallory/bot:example.com')],
    ['https://matrix.to/#/@mallory%2Fbot:example.com', user('@mallory/bot:example.com')],
    ['https://matrix.to/#/@m%C3%A4llory:example.com', user('@mällory:example.com')],
    ['https://matrix.to/#/#lobby:example.com', room('#lobby:example.com')],
    ['https://matrix.to/#/%23lobby%3Aexample.com', room('#lobby:example.com')],
    ['https://matrix.to/#/!abc:example.com?via=example.com&via=x.org', room('!abc:example.com')],
    [`https://matrix.to/#/${version12}?via=x.org`, room(version12)],
    ['https://matrix.to/#/!abc:x/$event', event('!abc:x', '$event')],
    ['https://matrix.to/#/!abc:x/$event?via=x', event('!abc:x', '$event')],
    ['https://matrix.to/#/%21abc%3Ax/%24event%3Ax', event('!abc:x', '$event:x')],
    ['https://matrix.to/#/#lobby:x/$event', event('#lobby:x', '$event')],
    [`https://matrix.to/#/${version12}/$event`, event(version12, '$event')],
    // Event IDs of room version 3 hold `/` and `+`.
    ['https://matrix.to/#/!abc:x/$a/b+c', event('!abc:x', '$a/b+c')],
    ['https://matrix.to/#/!abc:x/%24a%2Fb%2Bc?via=x', event('!abc:x', '$a/b+c')],

    ['matrix:u/mallory:example.com', user('@mallory:example.com')],
    ['matrix:u/mallory:example.com?action=chat', user('@mallory:example.com')],
    ['matrix:r/lobby:example.com', room('#lobby:example.com')],
    ['matrix:roomid/abc:example.com?via=x.org', room('!abc:example.com')],
    [`matrix:roomid/${version12.slice(1)}`, room(version12)],
    ['matrix:roomid/abc:x/e/event', event('!abc:x', '$event')],
    ['matrix:r/lobby:x/e/event?via=x', event('#lobby:x', '$event')],
    ['matrix:roomid/abc:x/e/a%2Fb', event('!abc:x', '$a/b')],
    ['matrix://authority/u/mallory:example.com', user('@mallory:example.com')],
  ])('%s', (text, expected) => {
    expect(readReference(text)).toEqual(expected);
  });

  test.each([
    '',
    'mallory',
    '$event',
    'https://example.com/#/@mallory:example.com',
    'https://matrix.to/',
    'https://matrix.to/#/',
    'https://matrix.to/#/mallory',
    'https://matrix.to/#/$event',
    'https://matrix.to/#/%E0%A4%A',
    'https://matrix.to/#/@mal%00lory:example.com',
    'https://chat.example.org/#/user/!abc:x',
    'https://chat.example.org/#/room/@mallory:x',
    'https://chat.example.org/#/user/mallory',
    'https://chat.example.org/#/group/+a:x',
    'https://matrix.to/#/!abc:x/event',
    'https://evil.example/https://matrix.to/#/@mallory:x',
    'matrix:',
    'matrix:u',
    'matrix:u/',
    'matrix:e/event',
    'matrix:x/mallory:example.com',
    'matrix:constructor/mallory:example.com',
    'matrix:__proto__/mallory:example.com',
    'matrix:roomid/abc:x/e',
    'matrix:roomid/abc:x/e/',
    'matrix:roomid/abc:x/e/a/b',
    'matrix:roomid/abc:x/u/mallory:x',
    'matrix:u/mallory:x/e/event',
    'matrix:u/mal%zzlory:x',
  ])('refuses %j', (text) => {
    expect(readReference(text)).toBeUndefined();
  });

  test('links say what was put into them', () => {
    const localpart = fc.string({
      unit: fc.constantFrom(...Array.from(`ab0._=-/+%?&#'"äß日😀`)),
      minLength: 1,
      maxLength: 20,
    });
    const eventId = fc.string({ unit: fc.constantFrom(...Array.from('ab0_-/+:.')), minLength: 1 });
    fc.assert(
      fc.property(localpart, eventId, (local, own) => {
        const mallory = `@${local}:example.com`;
        expect(readReference(`https://matrix.to/#/${encodeURIComponent(mallory)}?via=x`)).toEqual(
          user(mallory),
        );
        expect(readReference(`matrix:u/${encodeURIComponent(`${local}:example.com`)}`)).toEqual(
          user(mallory),
        );
        const link = [`!${own.replaceAll(/[:/]/g, '')}x:y`, `$${own}`].map(encodeURIComponent);
        expect(readReference(`https://matrix.to/#/${link.join('/')}`)).toMatchObject({
          kind: 'event',
          event: `$${own}`,
        });
      }),
    );
  });

  test('never throws', () => {
    const start = fc.constantFrom('', 'matrix:', 'matrix:u/', 'https://matrix.to/#/', '@', '!');
    const rest = fc.string({ unit: fc.constantFrom(...Array.from('@!#$%/:?&ab0 \uD800\u0000')) });
    fc.assert(
      fc.property(start, rest, (prefix, text) => {
        expect(['user', 'room', 'event', undefined]).toContain(readReference(prefix + text)?.kind);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('readMedia', () => {
  const found = 'mxc://example.com/AbC_-9';
  const server = 'https://matrix.example.com';

  test.each([
    [found, found],
    ['mxc://example.com:8448/AbC', 'mxc://example.com:8448/AbC'],
    ['mxc://[::1]:8448/AbC', 'mxc://[::1]:8448/AbC'],
    [`${server}/_matrix/client/v1/media/download/example.com/AbC_-9`, found],
    [`${server}/_matrix/client/v1/media/download/example.com/AbC_-9/evil%20name.png`, found],
    [`${server}/_matrix/client/v1/media/download/example.com/AbC_-9?allow_redirect=true`, found],
    [`${server}/_matrix/client/v1/media/thumbnail/example.com/AbC_-9?width=80&height=80`, found],
    [`${server}/_matrix/media/v3/download/example.com/AbC_-9#x`, found],
    [`${server}/_matrix/media/r0/thumbnail/example.com/AbC_-9`, found],
    ['http://127.0.0.1:8008/_matrix/media/v1/download/example.com/AbC_-9/', found],
    [`${server}/_matrix/media/v3/download/example.com%3A8448/AbC`, 'mxc://example.com:8448/AbC'],
  ])('%s', (text, expected) => {
    expect(readMedia(text)).toBe(expected);
  });

  test.each([
    '',
    'AbC',
    'mxc://',
    'mxc://example.com',
    'mxc://example.com/',
    'mxc://example.com/a/b',
    'mxc://example.com/..',
    'mxc://exa mple.com/AbC',
    'mxc://example.com/AbC?x',
    'matrix:u/mallory:example.com',
    'https://matrix.to/#/!abc:x/$event',
    'https://example.com/AbC.png',
    `${server}/_matrix/media/v3/upload/example.com/AbC`,
    `${server}/_matrix/media/v9/download/example.com/AbC`,
    `${server}/_matrix/media/v3/download/example.com`,
    `${server}/_matrix/media/v3/download/example.com/a%2Fb`,
    `${server}/_matrix/media/v3/download/example.com/%E0%A4%A`,
    `${server}/_matrix/media/v3/download/example.com/AbC/name/more`,
    `${server}/x/_matrix/media/v3/download/example.com/AbC`,
    `ftp://example.com/_matrix/media/v3/download/example.com/AbC`,
    `https://evil.example/?${server}/_matrix/media/v3/download/example.com/AbC`,
    'x'.repeat(70_000),
  ])('refuses %j', (text) => {
    expect(readMedia(text)).toBeUndefined();
  });

  test('never throws', () => {
    const start = fc.constantFrom('', 'mxc://', `${server}/_matrix/media/v3/download/`, 'http:');
    const rest = fc.string({ unit: fc.constantFrom(...Array.from('@%/:?&#[]ab0 \uD800\u0000')) });
    fc.assert(
      fc.property(start, rest, (prefix, text) => {
        expect(['string', 'undefined']).toContain(typeof readMedia(prefix + text));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('readUser', () => {
  test.each([
    ['mallory', '@mallory:example.com'],
    ['@mallory', '@mallory:example.com'],
    ['@mallory:example.com', '@mallory:example.com'],
    ['@mallory:elsewhere.org', '@mallory:elsewhere.org'],
    ['https://matrix.to/#/@mallory:elsewhere.org', '@mallory:elsewhere.org'],
  ])('%s', (text, expected) => {
    expect(readUser(text, 'example.com')).toBe(expected);
  });

  test.each([
    '',
    '@',
    'mal\u0000lory',
    'mallory:',
    ':example.com',
    'mallory:example.com:x',
    '!abc:example.com',
    '#lobby:example.com',
    'https://matrix.to/#/#lobby:example.com',
    'https://example.com',
    'a'.repeat(254),
  ])('refuses %j', (text) => {
    expect(readUser(text, 'example.com')).toBeUndefined();
  });
});

describe('marks around a word', () => {
  test.each([
    ['@mallory:x.', '@mallory:x'],
    ['(@mallory:x),', '@mallory:x'],
    ['<@mallory:x>', '@mallory:x'],
    ['@mallory:x?!', '@mallory:x'],
    ['\u2066@mallory:x\u2069\u00A0', '@mallory:x'],
    ['\u200B@mallory:x\u2060', '@mallory:x'],
    ['(#lobby:x):', '#lobby:x'],
    ['!abc.', '!abc'],
    ['https://matrix.to/#/@mallory:x).', 'https://matrix.to/#/@mallory:x'],
    ['mallory,', 'mallory'],
    ['@mallory:', '@mallory'],
    // Part of the name, perhaps.
    ['mallory.', 'mallory.'],
    ['@mal.:x', '@mal.:x'],
    ['@mal\u200Blory:x', '@mal\u200Blory:x'],
    ['\u200B.', '.'],
    ['.mallory', '.mallory'],
    ['', ''],
  ])('%j', (word, expected) => {
    expect(withoutMarksAround(word)).toBe(expected);
  });

  test('an ID is written so that it is read as it is', () => {
    const localpart = fc.string({
      unit: fc.constantFrom(...Array.from('ab \u200B\u00A0\n\t\u3164.,!()"\\\'“”?#%/😀\u0301-=')),
    });
    fc.assert(
      fc.property(fc.constantFrom('@', '#', '!'), localpart, (sigil, name) => {
        const id = `${sigil}a${name}:example.com`;
        const [token, ...more] = tokenize(`x ${idWord(id)}`).slice(1);
        expect(more).toEqual([]);
        const { kind, ...named } = readReference(token?.text ?? '') ?? { kind: undefined };
        expect(kind).toBe(sigil === '@' ? 'user' : 'room');
        expect(Object.values(named)).toEqual([id]);
        // Somebody copies it from an answer, where nothing invisible is left.
        expect(visible(idWord(id))).toBe(idWord(id));
      }),
    );
  });
});
