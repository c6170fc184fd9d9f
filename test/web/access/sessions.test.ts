import { beforeEach, expect, test } from 'vitest';

import { hourMs, minuteMs } from '../../../src/core/duration.ts';
import { createSessions } from '../../../src/web/access/sessions.ts';
import type { Sessions } from '../../../src/web/access/sessions.ts';
import { ana, asking, ben } from '../../support/page.ts';

let now: number;
let sessions: Sessions;
beforeEach(() => {
  now = 1_000_000;
  sessions = createSessions(() => now);
});

/** Starts a session, and returns its token. */
function start(user = ana): string {
  return sessions.start(sessions.issueLink(user, asking).token)?.token ?? 'none';
}

test('a link starts one session, of whom it was made for', () => {
  const { token } = sessions.issueLink(ana, asking);
  const started = sessions.start(token);
  expect(started).toMatchObject({ user: ana, askedBy: asking });
  expect(sessions.find(started?.token ?? '')).toBe(ana);
  expect(sessions.start(token)).toBeUndefined();
});

test('tokens hold 32 random bytes, and none is both of a link and of a session', () => {
  const { token } = sessions.issueLink(ana, asking);
  const started = sessions.start(token);
  expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  expect(Buffer.from(started?.token ?? '', 'base64url')).toHaveLength(32);
  expect(sessions.find(token)).toBeUndefined();
  expect(sessions.start(started?.token ?? '')).toBeUndefined();
});

test('a link works for 10 minutes', () => {
  const early = sessions.issueLink(ana, asking);
  now += 10 * minuteMs - 1;
  expect(sessions.start(early.token)).toBeDefined();
  const late = sessions.issueLink(ana, asking);
  now += 10 * minuteMs;
  expect(sessions.start(late.token)).toBeUndefined();
});

test('a newer link replaces the earlier one of the same person', () => {
  const over: string[] = [];
  const first = sessions.issueLink(ana, asking);
  first.whenOver(() => over.push('first'));
  const other = sessions.issueLink(ben, asking);
  other.whenOver(() => over.push('other'));
  const second = sessions.issueLink(ana, asking);
  expect(over).toEqual(['first']);
  expect(sessions.start(first.token)).toBeUndefined();
  expect(sessions.start(other.token)?.user).toBe(ben);
  expect(over).toEqual(['first', 'other']);
  expect(sessions.start(second.token)?.user).toBe(ana);
});

test('the message with a link that was used before it was sent whole is removed, too', () => {
  const over: string[] = [];
  const { token, whenOver } = sessions.issueLink(ana, asking);
  sessions.start(token);
  whenOver(() => over.push('removed'));
  expect(over).toEqual(['removed']);
});

test('a session ends after an hour without use, and after 8 hours', () => {
  const idle = start();
  now += hourMs;
  expect(sessions.find(idle)).toBeUndefined();
  const busy = start();
  for (let minutes = 0; minutes < 8 * 60 - 30; minutes += 30) {
    now += 30 * minuteMs;
    expect(sessions.find(busy)).toBe(ana);
  }
  now += 30 * minuteMs;
  expect(sessions.find(busy)).toBeUndefined();
});

test('one person has at most 5 sessions: the oldest ends', () => {
  const bens = start(ben);
  const anas = Array.from({ length: 6 }, () => start());
  expect(anas.map((token) => sessions.find(token))).toEqual([
    undefined,
    ...Array.from({ length: 5 }, () => ana),
  ]);
  expect(sessions.find(bens)).toBe(ben);
});

test('one session can end, or everything of one person', () => {
  const [first, second, bens] = [start(), start(), start(ben)];
  sessions.end(first);
  expect([first, second].map(sessions.find)).toEqual([undefined, ana]);
  const { token } = sessions.issueLink(ana, asking);
  expect(sessions.endAll(ana)).toBe(1);
  expect(sessions.find(second)).toBeUndefined();
  expect(sessions.start(token)).toBeUndefined();
  expect(sessions.find(bens)).toBe(ben);
  expect(sessions.endAll(ana)).toBe(0);
  // What is over anyway does not end.
  now += hourMs;
  expect(sessions.endAll(ben)).toBe(0);
});
