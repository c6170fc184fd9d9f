import type { IncomingMessage } from 'node:http';

import { expect, test } from 'vitest';

import { minuteMs } from '../../../src/core/duration.ts';
import { createAttempts, networkOfClient } from '../../../src/web/access/attempts.ts';

test('10 within 10 minutes are too many, for this network alone', () => {
  let now = 0;
  const attempts = createAttempts(() => now);
  for (let number = 0; number < 10; number += 1) {
    expect(attempts.areTooMany('203.0.113.7')).toBe(false);
    attempts.count('203.0.113.7');
  }
  expect(attempts.areTooMany('203.0.113.7')).toBe(true);
  expect(attempts.areTooMany('203.0.113.8')).toBe(false);
  now += 10 * minuteMs;
  expect(attempts.areTooMany('203.0.113.7')).toBe(false);
});

test('a thousand networks are remembered, and no more', () => {
  const attempts = createAttempts(() => 0);
  for (let number = 0; number < 10; number += 1) {
    attempts.count('first');
  }
  for (let number = 0; number < 999; number += 1) {
    attempts.count(`other ${number}`);
  }
  expect(attempts.areTooMany('first')).toBe(true);
  attempts.count('one more');
  expect(attempts.areTooMany('first')).toBe(false);
});

test.each([
  ['203.0.113.7', undefined, '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', undefined, '2001:db8:1:2::/64'],
  // A proxy beside the bot adds the last address.
  ['127.0.0.1', '198.51.100.1, 203.0.113.7', '203.0.113.7'],
  ['172.17.0.1', '203.0.113.7', '203.0.113.7'],
  ['127.0.0.1', undefined, '127.0.0.1'],
  ['127.0.0.1', 'nonsense', '127.0.0.1'],
  // Anybody else may write there what they like.
  ['203.0.113.7', '127.0.0.1', '203.0.113.7'],
])('a request from %s, forwarded for %s, comes from %s', (remoteAddress, forwarded, network) => {
  const request = {
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  } as unknown as IncomingMessage;
  expect(networkOfClient(request)).toBe(network);
});
