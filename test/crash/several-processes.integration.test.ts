import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { postgresFolder } from '../../dev/postgres/postgres.ts';
import { seededNumbers } from './seeded-numbers.ts';
import { faults, openScene, startsOf } from './several-processes.ts';
import type { Scene } from './several-processes.ts';

type FaultName = keyof typeof faults;

/** CONTRIBUTING.md says how to make these larger. */
const wanted = process.env['LAWSPEAKER_TEST_FAULT_ACCOUNTS'];
const accounts = Number(wanted ?? 40);
const randomFaults = Number(process.env['LAWSPEAKER_TEST_FAULTS'] ?? 2);
/** By default one whose two faults are a crash of PostgreSQL and a clean stop: they don't take long. */
const seed = Number(process.env['LAWSPEAKER_TEST_FAULT_SEED'] ?? 319);
/** Of each operation between random faults. */
const fewAccounts = 12;
const limitMs = 120_000 + accounts * 1000;

/** Says when what has happened, and when processes were ready to lead. */
async function tell(
  { processes }: Scene,
  begin: number,
  times: readonly { readonly what: string; readonly at: number }[],
): Promise<void> {
  const starts = (await startsOf(processes)).map((at) => ({ what: 'a process leads', at }));
  const all = [...times, ...starts, { what: `${accounts} accounts are done`, at: Date.now() }];
  const lines = all
    .filter(({ at }) => at >= begin)
    .toSorted((one, other) => one.at - other.at)
    .map(({ what, at }) => `${((at - begin) / 1000).toFixed(1)} s: ${what}\n`);
  process.stderr.write(lines.join(''));
}

describe.skipIf(postgresFolder() === undefined)(
  'three processes, two homeservers (need PostgreSQL)',
  () => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await openScene(limitMs);
      if (scene.postgres.disk === undefined) {
        process.stderr.write('nobody may mount a disk here: PostgreSQL never has a full one\n');
      }
    });
    afterAll(async () => scene[Symbol.asyncDispose]());

    /** Without a disk of its own, PostgreSQL can't have a full one. */
    const isPossible = (name: FaultName) =>
      name !== 'full disk of PostgreSQL' || scene.postgres.disk !== undefined;

    test(
      `a bulk of ${accounts} survives all that can happen, each account exactly once`,
      { timeout: limitMs },
      async () => {
        const bulk = await scene.begin(accounts);
        await bulk.confirm();
        const happens = (
          [
            'kill -9 of the leader',
            'SIGSTOP of the leader past its lease',
            'kill -9 of a process that stands by',
            'restart of PostgreSQL',
            'full disk of PostgreSQL',
          ] as const
        ).filter((name) => isPossible(name));
        const begin = Date.now();
        const times: { readonly what: string; readonly at: number }[] = [];
        for (const [at, name] of happens.entries()) {
          await bulk.arrived(Math.ceil(((at + 1) / (happens.length + 1)) * accounts));
          times.push({ what: name, at: Date.now() });
          await faults[name](scene);
        }
        expect(await bulk.violations()).toEqual([]);
        if (wanted !== undefined) {
          await tell(scene, begin, times);
        }
      },
    );

    test(
      `${randomFaults} random faults (seed ${seed})`,
      { timeout: 120_000 + randomFaults * 30_000 },
      async () => {
        const next = seededNumbers(seed);
        const names = (Object.keys(faults) as FaultName[]).filter((name) => isPossible(name));
        for (let left = randomFaults; left > 0;) {
          const moments = Array.from(
            { length: Math.min(left, 1 + Math.floor(next() * 3)) },
            () => ({
              at: Math.floor(next() * fewAccounts),
              name: names[Math.floor(next() * names.length)] ?? 'kill -9 of the leader',
            }),
          ).toSorted((one, other) => one.at - other.at);
          left -= moments.length;
          const bulk = await scene.begin(fewAccounts);
          const confirmed = bulk.confirm();
          for (const { at, name } of moments) {
            await bulk.arrived(at);
            await faults[name](scene);
          }
          await confirmed;
          const what = moments.map(({ at, name }) => `${name} after ${at} calls`).join(', then ');
          expect(await bulk.violations(), `${what}; ${left} faults left`).toEqual([]);
        }
      },
    );
  },
);
