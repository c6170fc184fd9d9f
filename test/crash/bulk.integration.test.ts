import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { openStore } from '../../src/store/store.ts';
import { adminApi, homeserver } from '../support/homeserver.ts';
import { openCrashRoom } from './crash-room.ts';
import type { CrashRoom } from './crash-room.ts';

/** How often the bot is killed while it locks or unlocks these accounts, in ten operations at most. */
const allKills = Number(process.env['LAWSPEAKER_TEST_BULK_KILLS'] ?? 3);
const killsEach = Math.max(3, Math.ceil(allKills / 10));
const accounts = 300;
const run = `bulk${Date.now().toString(36)}`;
/** All accounts are locked, or not, in less than this on a machine that has other things to do. */
const operationTimeoutMs = 300_000;

let room: CrashRoom;

beforeAll(async () => {
  room = await openCrashRoom('admin', { requestTimeout: '5s' });
  const waiting = Array.from({ length: accounts }, (_, at) => `${run}-${at}`);
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        await MatrixUser.register(homeserver(), { localpart: name });
      }
    }),
  );
}, 120_000);
afterAll(async () => room.close());

/** How many targets of the newest operation have ended. */
async function ended(): Promise<number> {
  const [row] = await room.database.read<{ count: number }>(
    `SELECT count(*) AS count FROM operation_targets WHERE state NOT IN ('waiting', 'in_flight')
      AND operation_id = (SELECT max(id) FROM operations)`,
  );
  return row?.count ?? 0;
}

/** Locks or unlocks all accounts by one confirmation, and kills the bot when so many have ended. */
async function once(command: 'lock' | 'unlock', kills: readonly number[]) {
  const isLocked = command === 'lock';
  room.ana.waitUpTo(operationTimeoutMs);
  const calls = () => room.gate.count('PUT', new RegExp(`/v2/users/%40${run}-\\d+`, 'u'));
  const before = calls();
  const { result } = await room.tell(
    [],
    async () => {
      const confirmation = await room.ana.ask(`!${command} --matching "--user-id ${run}-"`);
      expect(confirmation.body).toContain(`${accounts} accounts?`);
      await room.ana.say(`!confirm ${confirmation.field.confirmation?.code}`);
      for (const at of kills) {
        // A database tells nobody that it has changed.
        while ((await ended()) < at) {
          await wait(5);
        }
        await room.kill();
      }
      return room.ana.outcomeOf(confirmation, 'done', 'failed', 'cancelled');
    },
    { timeoutMs: operationTimeoutMs },
  );
  const { users } = await adminApi().users.list({ userId: `${run}-`, limit: accounts });
  const store = await openStore(room.database.place, { readonly: true });
  try {
    const entries = await store.auditLog.search({ command, limit: 10_000 });
    const newest = entries.slice(0, accounts);
    return {
      field: result.field,
      calls: calls() - before,
      changed: users.filter(({ locked }) => locked === isLocked).length,
      audited: new Set(newest.map(({ target }) => target)).size,
      undone: newest.filter(({ status }) => status !== 'done').length,
      fault: (await store.auditLog.verify()).fault,
    };
  } finally {
    await store.close();
  }
}

it.each(Array.from({ length: Math.ceil(allKills / killsEach) }, (_, round) => round))(
  'each account exactly once, whenever the bot dies (operation %i)',
  { timeout: operationTimeoutMs },
  async (round) => {
    // At points that differ from run to run.
    const kills = Array.from({ length: killsEach }, () =>
      Math.floor(Math.random() * (accounts - 5)),
    );
    const found = await once(
      round % 2 === 0 ? 'lock' : 'unlock',
      kills.toSorted((one, other) => one - other),
    );
    expect(found).toMatchObject({
      field: {
        status: 'done',
        operation: { targets: accounts, done: accounts, failed: 0, left_out: 0 },
      },
      calls: accounts,
      changed: accounts,
      audited: accounts,
      undone: 0,
    });
    expect(found.fault).toBeUndefined();
  },
);
