import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  localpartOf,
  mxcParts,
  parseEventId,
  parseMxcUri,
  parseRoomAlias,
  parseRoomId,
  parseUserId,
  serverNameOf,
} from '../../src/core/ids.ts';

const found = <Id>(id: Id | undefined): Id => {
  if (id === undefined) {
    throw new TypeError('not an ID');
  }
  return id;
};

describe('user IDs', () => {
  test.each([
    '@mallory:example.com',
    '@mallory:example.com:8448',
    '@mallory:[2001:db8::1]:8448',
    '@a.b_c=d-e/f+g:x',
    // Historical ones hold anything.
    '@Mallory!$#:x',
    '@mällöry日本😀:x',
    '@:x',
    '@mal lory :x',
    '@mal\u00A0lory:x',
    '@mal\u202Elory:x',
    '@mal\u200Blory:x',
    '@mal\u0007\nlory:x',
    // 255 characters, and more bytes: older rooms hold them.
    `@${'ä'.repeat(252)}:x`,
    `@${'😀'.repeat(252)}:x`,
    `@${'a'.repeat(252)}:x`,
  ])('%s', (id) => {
    expect(parseUserId(id)).toBe(id);
  });

  test.each([
    '',
    '@',
    'mallory',
    '@mallory',
    '@mallory:',
    '#mallory:x',
    ' @mallory:x',
    '@mallory:x ',
    '@mallory:x\n',
    '@mal\u0000lory:x',
    '@mal\uD800lory:x',
    '@mallory:exa_mple.com',
    '@mallory:x/..',
    '@mallory:x:123456',
    '@a:b:c',
    `@${'a'.repeat(253)}:x`,
    `@${'😀'.repeat(253)}:x`,
  ])('not %j', (text) => {
    expect(parseUserId(text)).toBeUndefined();
  });

  test('have parts', () => {
    const id = found(parseUserId('@mallory:example.com:8448'));
    expect(localpartOf(id)).toBe('mallory');
    expect(serverNameOf(id)).toBe('example.com:8448');
  });
});

describe('rooms', () => {
  test('by ID, of version 12 without a server', () => {
    expect(parseRoomId('!abc:example.com')).toBe('!abc:example.com');
    const id = found(parseRoomId('!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM'));
    expect(serverNameOf(id)).toBeUndefined();
    expect(parseRoomId('!')).toBeUndefined();
    expect(parseRoomId('!abc:')).toBeUndefined();
    expect(parseRoomId('#abc:x')).toBeUndefined();
    expect(parseRoomId('!a b')).toBeUndefined();
  });

  test('by alias', () => {
    expect(parseRoomAlias('#lobby:example.com')).toBe('#lobby:example.com');
    expect(parseRoomAlias('#lob\u200Cby\u200D:x')).toBe('#lob\u200Cby\u200D:x');
    expect(parseRoomAlias('#lobby')).toBeUndefined();
    expect(parseRoomAlias('#:example.com')).toBeUndefined();
  });
});

test('event IDs of all room versions', () => {
  for (const id of [
    '$1234:example.com',
    '$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg',
    '$a/b+c',
  ]) {
    expect(parseEventId(id)).toBe(id);
  }
  for (const text of ['', '$', 'abc', '$a b', '$a\n', '$\uDC00', `$${'a'.repeat(255)}`]) {
    expect(parseEventId(text)).toBeUndefined();
  }
});

test('media', () => {
  const uri = found(parseMxcUri('mxc://example.com:8448/AbC_-1'));
  expect(mxcParts(uri)).toEqual({ serverName: 'example.com:8448', mediaId: 'AbC_-1' });
  for (const text of [
    '',
    'mxc://',
    'mxc://x',
    'mxc://x/',
    'mxc://x/a/b',
    'mxc://x/../y',
    'http://x/a',
  ]) {
    expect(parseMxcUri(text)).toBeUndefined();
  }
});

test('whatever passes can stand in a URL and an event', () => {
  const sigils = fc.constantFrom('@', '!', '#', '$', 'mxc://', '');
  const rest = fc.string({ unit: 'binary', maxLength: 300 });
  fc.assert(
    fc.property(
      sigils,
      rest,
      fc.constantFrom('', ':x', ':example.com:1'),
      (sigil, text, server) => {
        const candidate = `${sigil}${text}${server}`;
        const parsers = [parseUserId, parseRoomId, parseRoomAlias, parseEventId, parseMxcUri];
        for (const id of parsers
          .map((parse): string | undefined => parse(candidate))
          .filter((one) => one !== undefined)) {
          expect(id).toBe(candidate);
          expect(Array.from(id).length).toBeLessThanOrEqual(255);
          expect(decodeURIComponent(encodeURIComponent(id))).toBe(id);
          expect(id).not.toMatch(/[\0\p{Cs}]/u);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
