import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { newUser } from '../support/homeserver.ts';
import { openCrashRoom } from './crash-room.ts';
import type { CrashRoom, Deaths } from './crash-room.ts';
import { seededNumbers } from './seeded-numbers.ts';
import { storyAccounts, wholeStory } from './story.ts';
import { createCheck } from './violations.ts';

/** Another seed finds other faults; this one is fixed so that a failure can be looked at again. */
const seed = 20_261_121;
const isNightly = process.env['LAWSPEAKER_TEST_PROFILE'] === 'nightly';
const rounds = isNightly ? 200 : 20;
/** A round takes three seconds; the machine may have other things to do. */
const roundTimeoutMs = 60_000;

/** The recovery passes about so many points before it has caught up. */
const pointsOfRecovery = 40;

let room: CrashRoom;
/** What one round left open must not fail the next. */
let isSpoilt = false;
/** A story in which nobody dies. */
let calm: Awaited<ReturnType<typeof round>>;
/** Its points by their kind: `after PUT send` 1, 2, 3, … */
let points: readonly (readonly string[])[] = [];
let killed = 0;

beforeAll(async () => {
  room = await openCrashRoom('admin', { requestTimeout: '2s', losesPower: true });
  calm = await round([]);
  points = [...Map.groupBy(calm.points, (point) => point.replace(/ \d+$/u, '')).values()];
});

afterAll(async () => room.close());

/** Tells the whole story with new accounts, and looks whether all is as it must be. */
async function round(deaths: Deaths) {
  if (isSpoilt) {
    await room.close();
    room = await openCrashRoom('admin', { requestTimeout: '2s', losesPower: true });
  }
  isSpoilt = true;
  const people = await Promise.all(
    Array.from({ length: storyAccounts }, async () => newUser('mallory')),
  );
  const check = createCheck(room, {
    afterPowerCut: deaths.some(({ cutsPower }) => cutsPower === true),
  });
  const told = await room.tell(deaths, async () =>
    wholeStory(
      room,
      people.map(({ userId }) => userId),
    ),
  );
  const violations = await check(told.result);
  isSpoilt = violations.length > 0;
  return { ...told, violations };
}

/** The numbers of one round. */
const numbersFor = (one: number) => seededNumbers(seed + one * 0x9e3779b9);

/** Looking and syncing make up most points, and few of them matter. */
const isQuiet = (kind: readonly string[]) => /GET|sync_state/u.test(kind[0] ?? '');

/** A list in the seed's order. */
function shuffled<Item>(items: readonly Item[]): Item[] {
  const next = numbersFor(-1);
  return items
    .map((item) => ({ item, place: next() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}

/**
 * Where the bot dies in this round; in every third, it dies again while it comes up. In every second, the
 * power fails: what was not synced to the disk is lost.
 */
function deathsOf(one: number): Deaths {
  const next = numbersFor(one);
  const quiet = one % 5 === 4;
  // One kind after the other, so that few rounds meet many.
  const kinds = shuffled(points.filter((kind) => isQuiet(kind) === quiet));
  const turn = quiet ? Math.floor(one / 5) : one - Math.floor((one + 1) / 5);
  const kind = kinds[turn % kinds.length] ?? [];
  const first = {
    at: kind[Math.floor(next() * kind.length)],
    cutsPower: one % 2 === 1,
  };
  return one % 3 === 0 ? [first, { at: 1 + Math.floor(next() * pointsOfRecovery) }] : [first];
}

describe(`kill -9 anywhere (seed ${seed})`, () => {
  it('nobody dies', () => {
    expect(calm.points.length).toBeGreaterThan(100);
    expect(calm.violations).toEqual([]);
  });

  it.each(Array.from({ length: rounds }, (_, index) => index))(
    'round %i',
    { timeout: roundTimeoutMs },
    async (one) => {
      const deaths = deathsOf(one);
      const { died, violations } = await round(deaths);
      killed += died.length > 0 ? 1 : 0;
      expect(
        violations,
        `seed ${seed}, round ${one}, to die ${deaths.map(({ at, cutsPower }) => `${at}${cutsPower === true ? ' of a power cut' : ''}`).join(', then at point ')}; died ${died.join(', then ')}`,
      ).toEqual([]);
    },
  );

  it('most rounds met their point', () => {
    // How many syncs there are is a matter of time, so that some points are not reached.
    expect(killed).toBeGreaterThan(rounds * 0.6);
  });
});
