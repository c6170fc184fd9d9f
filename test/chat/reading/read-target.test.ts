import { expect, test } from 'vitest';

import { positional } from '../../../src/chat/command/arguments.ts';
import { readValue } from '../../../src/chat/reading/values.ts';
import { UsageError } from '../../../src/core/errors.ts';

const context = { serverName: 'example.com', now: 0, prefix: '!' };
const read = (word: string) => readValue(word, positional('target', 'A user or a room'), context);

test.each([
  ['@mallory:other.org', '@mallory:other.org'],
  ['mallory', '@mallory:example.com'],
  ['@mallory', '@mallory:example.com'],
  ['https://matrix.to/#/@mallory:example.com', '@mallory:example.com'],
  ['matrix:u/mallory:example.com', '@mallory:example.com'],
  ['!abc:example.com', '!abc:example.com'],
  ['!version12', '!version12'],
  ['#lobby:example.com', '#lobby:example.com'],
  ['https://matrix.to/#/%23lobby:example.com?via=x', '#lobby:example.com'],
])('%s is %s', (word, target) => {
  expect(read(word)).toBe(target);
});

test.each(['$event', '#lobby', '#', '!', 'https://matrix.to/#/!r:x/$event', ''])(
  '%j is neither a user nor a room',
  (word) => {
    expect(() => read(word)).toThrow(UsageError);
    expect(() => read(word)).toThrow('neither a user nor a room');
  },
);
