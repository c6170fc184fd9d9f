import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { followWaves } from '../../../src/reports/sign-ups/wave.ts';
import type { FollowedWave, Wave } from '../../../src/reports/sign-ups/wave.ts';

const minuteMs = 60_000;
const rule = { atLeast: 20, withinMs: 10 * minuteMs };
/** A whole second, as Synapse stores it. */
const start = Date.UTC(2026, 10, 28, 3, 0);

/** Accounts, one every `everyMs` from `from` on. */
const accounts = (count: number, from: number, everyMs = 1000) =>
  Array.from({ length: count }, (_, at) => from + at * everyMs);

const untold = { wave: undefined, coveredUntil: 0 };

/** What the next look knows, as the watch remembers it. */
function after(followed: readonly FollowedWave[]): {
  wave: Wave | undefined;
  coveredUntil: number;
} {
  const last = followed.at(-1);
  return {
    wave: last?.isOver === false ? last : undefined,
    coveredUntil: last?.newestAt ?? 0,
  };
}

describe('a wave begins', () => {
  test('with enough accounts in the window', () => {
    expect(followWaves(rule, untold, accounts(20, start), start + minuteMs)).toEqual([
      { startedAt: start, newestAt: start + 19_000, accounts: 20, isNew: true, isOver: false },
    ]);
  });

  test('and not with one fewer, or with as many over a longer time', () => {
    expect(followWaves(rule, untold, accounts(19, start), start + minuteMs)).toEqual([]);
    const slow = accounts(40, start, 32_000);
    expect(followWaves(rule, untold, slow, slow.at(-1) ?? 0)).toEqual([]);
    // Nineteen pauses of 31 seconds are less than ten minutes.
    const fast = accounts(20, start, 31_000);
    expect(followWaves(rule, untold, fast, fast.at(-1) ?? 0)).toHaveLength(1);
  });

  test('in the middle of ordinary sign-ups', () => {
    const usual = accounts(30, start - 60 * minuteMs, 2 * minuteMs);
    const all = [...usual, ...accounts(25, start + minuteMs)].toReversed();
    const [wave, ...others] = followWaves(rule, untold, all, start + 2 * minuteMs);
    expect(others).toEqual([]);
    expect(wave).toMatchObject({ isNew: true, newestAt: start + minuteMs + 24_000 });
    expect(wave?.accounts).toBeGreaterThanOrEqual(25);
    expect(wave?.startedAt).toBeGreaterThan(start - 10 * minuteMs);
  });

  test('whether the homeserver’s clock is ahead or not', () => {
    expect(followWaves(rule, untold, accounts(20, start + 5 * minuteMs), start)).toMatchObject([
      { isNew: true, isOver: false },
    ]);
  });

  test('for one account at a time, if that is configured', () => {
    const each = { ...rule, atLeast: 1 };
    const first = followWaves(each, untold, [start], start);
    expect(first).toMatchObject([{ accounts: 1, isNew: true, isOver: false }]);
    const over = followWaves(each, after(first), [start], start + 11 * minuteMs);
    expect(over).toMatchObject([{ isNew: false, isOver: true }]);
  });
});

describe('it goes on', () => {
  const begun = followWaves(rule, untold, accounts(20, start), start + minuteMs);

  test('with more accounts, and nobody is alerted again', () => {
    const all = [...accounts(20, start), ...accounts(80, start + 20_000, 5000)];
    const grown = followWaves(rule, after(begun), all, start + 9 * minuteMs);
    expect(grown).toEqual([
      { startedAt: start, newestAt: all.at(-1), accounts: 100, isNew: false, isOver: false },
    ]);
  });

  test('after a restart, with the state of the database', () => {
    const wave = { startedAt: start, newestAt: start + 19_000, accounts: 20 };
    expect(
      followWaves(rule, { wave, coveredUntil: 0 }, accounts(20, start), start + 2 * minuteMs),
    ).toEqual([{ ...wave, isNew: false, isOver: false }]);
  });

  test('while the number wavers around the limit', () => {
    // A window of ten minutes has from 18 to 22 of them.
    let known = after([]);
    let alerts = 0;
    const all: number[] = [];
    for (let at = start; at < start + 8 * 60 * minuteMs; at += 200_000) {
      const pace = (at / 200_000) % 2 === 0 ? 6 : 7;
      all.push(...accounts(pace, at, 10_000));
      const followed = followWaves(rule, known, all, at + 199_000);
      alerts += followed.filter(({ isNew }) => isNew).length;
      known = followed.length === 0 ? known : after(followed);
    }
    expect(alerts).toBe(1);
  });

  test('if the list shows only the newest accounts', () => {
    const newest = accounts(1000, start + 20_000, 300);
    const grown = followWaves(rule, after(begun), newest, start + 6 * minuteMs);
    expect(grown).toMatchObject([{ isNew: false, accounts: 1020 }]);
  });
});

describe('it is over', () => {
  const begun = followWaves(rule, untold, accounts(20, start), start + minuteMs);

  test('when fewer than half as many are in the window', () => {
    const all = accounts(20, start);
    expect(followWaves(rule, after(begun), all, start + 10 * minuteMs + 9000)).toMatchObject([
      { isOver: false },
    ]);
    expect(followWaves(rule, after(begun), all, start + 10 * minuteMs + 10_000)).toMatchObject([
      { isOver: true, accounts: 20 },
    ]);
  });

  test('when most accounts were deactivated, and then the next one alerts again', () => {
    const over = followWaves(rule, after(begun), [], start + 2 * minuteMs);
    expect(over).toMatchObject([{ isOver: true, accounts: 20 }]);
    const next = accounts(20, start + 3 * minuteMs);
    expect(followWaves(rule, after(over), next, start + 4 * minuteMs)).toMatchObject([
      { isNew: true, accounts: 20 },
    ]);
  });

  test('and what remains of it is not a part of the next', () => {
    const over = followWaves(rule, after(begun), [], start + 2 * minuteMs);
    const all = [...accounts(20, start), ...accounts(19, start + 3 * minuteMs)];
    expect(followWaves(rule, after(over), all, start + 4 * minuteMs)).toEqual([]);
  });

  test('when the bot was down, and the next one has begun', () => {
    const all = [...accounts(30, start), ...accounts(25, start + 60 * minuteMs)];
    expect(followWaves(rule, after(begun), all, start + 61 * minuteMs)).toEqual([
      { startedAt: start, newestAt: start + 29_000, accounts: 30, isNew: false, isOver: true },
      {
        startedAt: start + 60 * minuteMs,
        newestAt: start + 60 * minuteMs + 24_000,
        accounts: 25,
        isNew: true,
        isOver: false,
      },
    ]);
  });

  test('before the bot has seen it', () => {
    expect(followWaves(rule, untold, accounts(25, start), start + 40 * minuteMs)).toMatchObject([
      { isNew: true, isOver: true, accounts: 25 },
    ]);
  });
});

test('whenever the bot looks, each account is told of at most once, and no wave is missed', () => {
  const pauses = fc.array(fc.nat({ max: 90 }), { minLength: 1, maxLength: 200 });
  const looks = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(pauses, looks, fc.integer({ min: 1, max: 12 }), (seconds, minutes, atLeast) => {
      const config = { atLeast, withinMs: 5 * minuteMs };
      let at = start;
      const created = seconds.map((pause) => {
        at += pause * 1000;
        return at;
      });
      let known: ReturnType<typeof after> = untold;
      let now = start - minuteMs;
      let coveredUntil = 0;
      for (const pause of [...minutes, 100_000]) {
        now += pause * minuteMs;
        const visible = created.filter((time) => time <= now);
        for (const wave of followWaves(config, known, visible, now)) {
          const isAnother = wave.startedAt > coveredUntil && wave.accounts >= atLeast;
          expect(isAnother || !wave.isNew).toBe(true);
          known = after([wave]);
          coveredUntil = wave.newestAt;
        }
      }
      const hasWave = created.some(
        (time, place) => time - (created[place - atLeast + 1] ?? -Infinity) <= config.withinMs,
      );
      expect(coveredUntil > 0).toBe(hasWave);
    }),
    { numRuns: 300 },
  );
});
