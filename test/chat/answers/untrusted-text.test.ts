import { expect, test } from 'vitest';

import { nameAndId } from '../../../src/chat/answers/account.ts';
import { line } from '../../../src/chat/answers/answer.ts';
import { roomNameAndId } from '../../../src/chat/answers/room.ts';
import {
  inert,
  memberName,
  untrustedText,
  withoutLinks,
} from '../../../src/chat/answers/untrusted-text.ts';
import { parseRoomId } from '../../../src/core/ids.ts';
import { render } from '../../../src/matrix/delivery/content.ts';

test.each([
  ['see https://evil.example/x?y=1', 'see https[:]//evil[.]example/x?y=1'],
  ['www.evil.example', '[www].evil[.]example'],
  ['evil.com, or Evil.Co.UK', 'evil[.]com, or Evil[.]Co[.]UK'],
  ['write to eve@evil.example', 'write to eve@evil[.]example'],
  ['mailto:eve@evil', '[mailto]:eve@evil'],
  ['matrix:u/eve:evil.example', 'matrix[:]u/eve:evil[.]example'],
  ['ask @admin:example.com in #help:x', 'ask @admin[:]example[.]com in #help[:]x'],
  ['(!room:x) “$event:x”', '(!room[:]x) “$event[:]x”'],
  ['https://matrix.to/#/@eve:x', 'https[:]//matrix[.]to/#/@eve:x'],
  ['пример.рф', 'пример[.]рф'],
  ['evil。com', 'evil[.]com'],
])('nothing in %s can be opened', (text, shown) => {
  expect(withoutLinks(text)).toBe(shown);
});

test.each(['Spam, and again at 12.30', 'He said: no. I said: yes', 'v1.2', '3.5 MB'])(
  'ordinary words stay as they are: %s',
  (text) => expect(withoutLinks(text)).toBe(text),
);

test('what is shown as code holds no links either', () => {
  const { body, html } = render(
    { mark: 'ℹ️', title: [untrustedText('see https://evil.com or @eve:evil.com')] },
    '!',
  );
  expect(body).toBe('ℹ️ see https[:]//evil[.]com or @eve[:]evil[.]com');
  expect(html).toBe('ℹ️\u00A0<code>see https[:]//evil[.]com or @eve[:]evil[.]com</code>');
});

test('names of people and rooms hold no links, and IDs stay as they are', () => {
  const roomId = parseRoomId('!lobby:example.com');
  if (roomId === undefined) {
    throw new TypeError('a room ID');
  }
  const { body, html } = render(
    {
      mark: 'ℹ️',
      title: nameAndId({ name: '@eve:example.com', displayname: 'evil.com' } as never),
      body: [
        line(...roomNameAndId({ roomId, name: 'join #evil:evil.com', canonicalAlias: null })),
        line(inert('see https://evil.com')),
      ],
    },
    '!',
  );
  expect(body).toBe(
    'ℹ️ evil[.]com @eve:example.com\njoin #evil[:]evil[.]com !lobby:example.com\nsee https[:]//evil[.]com',
  );
  expect(html).toContain('evil[.]com <code>@eve:example.com</code>');
});

test('no sentence of any command holds an address that opens by a tap', () => {
  const { body, html } = render({ mark: 'ℹ️', title: ['https://evil.com www.evil.com'] }, '!');
  expect(body).toBe('ℹ️ https[:]//evil.com [www].evil.com');
  expect(html).toBe('ℹ️\u00A0https[:]//evil.com [www].evil.com');
});

test.each([
  ['Ana', 'Ana (@x:y)'],
  [null, '@x:y'],
  ['  ', '@x:y'],
  ['@x:y', '“@x[:]y” (@x:y)'],
  ['boss (admin) · audit #1', '“boss (admin) · audit #1” (@x:y)'],
  ['Ana” (@ana:y), confirmed by “Ben', '“Ana’ (@ana[:]y), confirmed by ’Ben” (@x:y)'],
  ['Ana (@ana:y)', '“Ana (@ana[:]y)” (@x:y)'],
])('a name that imitates the bot is told from what the bot says: %s', (name, shown) => {
  expect(memberName('@x:y', name)).toBe(shown);
});
