import { setTimeout as wait } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import { createSendPermission } from '../../../src/matrix/delivery/send-permission.ts';
import type { WatchedSendPermission } from '../../../src/matrix/delivery/send-permission.ts';

let permission: WatchedSendPermission;
/** Why the bot can't send, according to the room's state. */
let missing: string | undefined;
/** What each attempt to send gives. */
let regain: () => Promise<string | undefined>;
let tries: number;
let told: string[];
let regained: number;
beforeEach(() => {
  missing = undefined;
  regain = async () => missing;
  tries = 0;
  told = [];
  regained = 0;
  permission = createWith(1);
});
afterEach(() => permission.stop());

function createWith(firstRetryMs: number): WatchedSendPermission {
  return createSendPermission({
    whyMissing: () => missing,
    async regain() {
      tries += 1;
      return regain();
    },
    async tell(why) {
      told.push(why);
    },
    onRegained() {
      regained += 1;
    },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    firstRetryMs,
  });
}

/** Whether work may start; undefined while it waits. */
function started(): () => boolean | undefined {
  let answer: boolean | undefined;
  void permission.granted().then((granted) => (answer = granted));
  return () => answer;
}

const tooLow = 'my power level there is 0, and messages need 50';
const suspended = new HomeserverError(403, 'M_USER_SUSPENDED', 'PUT /send');

test('a bot that can send works', async () => {
  permission.check();
  expect(permission.whyMissing()).toBeUndefined();
  expect(await permission.granted()).toBe(true);
  expect(tries).toBe(0);
});

test('while it can’t send nothing is started, until a message is accepted again', async () => {
  regain = async () => Promise.reject(suspended);
  permission.lost('refused');
  const work = started();
  await expect.poll(() => tries).toBeGreaterThan(2);
  expect(permission.whyMissing()).toBe(suspended.message);
  expect([work(), regained]).toEqual([undefined, 0]);
  regain = async () => undefined;
  await expect.poll(work).toBe(true);
  expect(permission.whyMissing()).toBeUndefined();
  expect(regained).toBe(1);
});

test('the admins are told in another way after the second attempt, once for each reason', async () => {
  missing = tooLow;
  const toldAt: number[] = [];
  regain = async () => {
    toldAt.push(told.length);
    return tries < 5 ? tooLow : Promise.reject(suspended);
  };
  permission.check();
  await expect.poll(() => tries).toBeGreaterThan(6);
  expect(toldAt.slice(0, 6)).toEqual([0, 0, 1, 1, 1, 2]);
  expect(told).toEqual([tooLow, suspended.message]);
});

test('a homeserver that is down is not taken for the reason', async () => {
  regain = async () => Promise.reject(new UnreachableError('PUT /send', 'does not answer', false));
  permission.lost(tooLow);
  await expect.poll(() => tries).toBeGreaterThan(2);
  expect(permission.whyMissing()).toBe(tooLow);
  expect(told).toEqual([tooLow]);
});

test('it tries at once when the room has changed', async () => {
  permission = createWith(3_600_000);
  missing = tooLow;
  permission.check();
  await wait(5);
  expect(tries).toBe(0);
  missing = undefined;
  permission.check();
  await expect.poll(() => permission.whyMissing()).toBeUndefined();
  expect(tries).toBe(1);
});

test('work that waits when the bot stops is not started', async () => {
  permission.lost(tooLow);
  const work = started();
  permission.stop();
  await expect.poll(work).toBe(false);
});
