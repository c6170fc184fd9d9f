import { setTimeout as wait } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import { createSendPermission } from '../../../src/matrix/delivery/send-permission.ts';
import type { WatchedSendPermission } from '../../../src/matrix/delivery/send-permission.ts';

let permission: WatchedSendPermission;
/** What the room's state says against speaking. */
let fault: string | undefined;
/** What the homeserver says to each try. */
let regain: () => Promise<string | undefined>;
let tries: number;
let told: string[];
let regained: number;
beforeEach(() => {
  fault = undefined;
  regain = async () => fault;
  tries = 0;
  told = [];
  regained = 0;
  permission = createWith(1);
});
afterEach(() => permission.stop());

function createWith(firstRetryMs: number): WatchedSendPermission {
  return createSendPermission({
    fault: () => fault,
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

/** Whether work is begun now; undefined while it waits. */
function begun(): () => boolean | undefined {
  let answer: boolean | undefined;
  void permission.mayAct().then((mayAct) => (answer = mayAct));
  return () => answer;
}

const tooLow = 'my power level there is 0, and messages need 50';
const suspended = new HomeserverError(403, 'M_USER_SUSPENDED', 'PUT /send');

test('a bot that can speak works', async () => {
  permission.look();
  expect(permission.silence()).toBeUndefined();
  expect(await permission.mayAct()).toBe(true);
  expect(tries).toBe(0);
});

test('while it can’t speak nothing is begun, until a message is taken again', async () => {
  regain = async () => Promise.reject(suspended);
  permission.lost('refused');
  const work = begun();
  await expect.poll(() => tries).toBeGreaterThan(2);
  expect(permission.silence()).toBe(suspended.message);
  expect([work(), regained]).toEqual([undefined, 0]);
  regain = async () => undefined;
  await expect.poll(work).toBe(true);
  expect(permission.silence()).toBeUndefined();
  expect(regained).toBe(1);
});

test('people are told in other ways after the second try, each reason once', async () => {
  fault = tooLow;
  const toldAt: number[] = [];
  regain = async () => {
    toldAt.push(told.length);
    return tries < 5 ? tooLow : Promise.reject(suspended);
  };
  permission.look();
  await expect.poll(() => tries).toBeGreaterThan(6);
  expect(toldAt.slice(0, 6)).toEqual([0, 0, 1, 1, 1, 2]);
  expect(told).toEqual([tooLow, suspended.message]);
});

test('a homeserver that is away is no reason of its own', async () => {
  regain = async () => Promise.reject(new UnreachableError('PUT /send', 'does not answer', false));
  permission.lost(tooLow);
  await expect.poll(() => tries).toBeGreaterThan(2);
  expect(permission.silence()).toBe(tooLow);
  expect(told).toEqual([tooLow]);
});

test('it tries at once when the room has changed', async () => {
  permission = createWith(3_600_000);
  fault = tooLow;
  permission.look();
  await wait(5);
  expect(tries).toBe(0);
  fault = undefined;
  permission.look();
  await expect.poll(() => permission.silence()).toBeUndefined();
  expect(tries).toBe(1);
});

test('work that waits when the bot stops hears that it is over', async () => {
  permission.lost(tooLow);
  const work = begun();
  permission.stop();
  await expect.poll(work).toBe(false);
});
