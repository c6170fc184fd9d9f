import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { openStore } from '../../src/store/store.ts';
import { adminApi, asRoomId, asUserId, newRoom, newUser } from '../support/homeserver.ts';
import { openCrashRoom, countPending } from './crash-room.ts';
import type { CrashRoom, Deaths } from './crash-room.ts';

/** Fixed, so that a failure can be looked at again. */
const seed = 20_261_128;
const isNightly = process.env['LAWSPEAKER_TEST_PROFILE'] === 'nightly';
/** A round takes 6 to 20 seconds, on a busy machine three times as long. */
const rounds = Number(process.env['LAWSPEAKER_TEST_TAKEDOWN_KILLS'] ?? (isNightly ? 200 : 2));
/** Between the calls that lock the account in place of the suspension, and those that take that back. */
const betweenLockAndSuspension = ['after PUT admin 2', 'after PUT admin 4'];
const roundTimeoutMs = 150_000;
const storyTimeoutMs = 120_000;
const messagesPerRoom = 4;

const { events, media, users } = adminApi();

let room: CrashRoom;
let owner: MatrixUser;
let places: string[];
/** A takedown in which nobody dies. */
let calm: Awaited<ReturnType<typeof round>>;
let points: readonly string[];

beforeAll(async () => {
  // A request that a busy Synapse is slow to answer would pause the takedown for half a minute.
  room = await openCrashRoom('admin', { requestTimeout: '5s' });
  room.ana.waitUpTo(storyTimeoutMs);
  owner = await newUser('owner');
  // In rooms of versions before 11, the lock takes the place of the suspension for a while.
  places = await Promise.all(
    ['11', '11', '10'].map(async (version) =>
      newRoom(owner, { preset: 'public_chat', room_version: version }),
    ),
  );
  calm = await round([]);
  points = calm.points.filter((point) => !/GET|sync_state/u.test(point));
}, roundTimeoutMs);

afterAll(async () => room.close());

/** Somebody who is in a room, has left one, and is banned from one, with messages in each and two files. */
async function newMallory(): Promise<MatrixUser> {
  const mallory = await newUser('mallory');
  const [, left = '', banned = ''] = places;
  for (const place of places) {
    await mallory.join(place);
    for (let sent = 0; sent < messagesPerRoom; sent += 1) {
      await mallory.sendText(place, `spam ${sent}`);
    }
  }
  for (const file of ['one', 'two']) {
    await mallory.uploadMedia(Buffer.from(`${file} ${mallory.userId}`), 'text/plain');
  }
  await mallory.leave(left);
  await owner.request('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(banned)}/ban`, {
    json: { user_id: mallory.userId },
  });
  return mallory;
}

/** Takes somebody down while the bot dies at these points, and looks whether all is as it must be. */
async function round(deaths: Deaths) {
  const mallory = await newMallory();
  const { ana, ben, id } = room;
  const {
    result,
    died,
    points: passed,
  } = await room.tell(
    deaths,
    async () => {
      const event = await ana.say(`!takedown ${mallory.userId} --delete-media --reason spam`);
      const confirmation = await ana.answerTo(event);
      await ben.sendText(id, `!confirm ${confirmation.field.confirmation?.code ?? ''}`);
      return { event, outcome: await ana.outcomeOf(confirmation, 'done', 'partial', 'failed') };
    },
    { timeoutMs: storyTimeoutMs },
  );
  return { died, points: passed, faults: await faultsOf(mallory, result) };
}

type Told = Awaited<ReturnType<CrashRoom['ana']['outcomeOf']>>;

/** What Synapse, the audit log and the room say that they must not. */
async function faultsOf(
  mallory: MatrixUser,
  { event, outcome }: { readonly event: string; readonly outcome: Told },
): Promise<string[]> {
  const user = asUserId(mallory.userId);
  const faults: string[] = [];
  for (const place of places) {
    const page = await events.page(asRoomId(place), { dir: 'b', limit: 1000, senders: [user] });
    const shown = page.filter(
      ({ type, content, redactedBecause }) =>
        redactedBecause === null && (type === 'm.room.message' || content['membership'] === 'join'),
    );
    if (shown.length > 0) {
      faults.push(`${shown.length} events are left in ${place}`);
    }
  }
  const { total } = await media.list(user, {});
  const account = await users.get(user);
  if (total > 0 || !account.deactivated || !account.suspended || account.locked) {
    faults.push(`${total} files are left, and the account is ${JSON.stringify(account)}`);
  }
  if (outcome.field.status !== 'done') {
    faults.push(`the room was told ${outcome.field.status}: ${outcome.body}`);
  }
  const store = await openStore(room.database.place, { readonly: true });
  try {
    const entries = await store.auditLog.search({ eventId: event, limit: 100 });
    const told = entries
      .toSorted((one, other) => one.id - other.id)
      .map((entry) => `${(entry.arguments as { step: string }).step} ${entry.status}`);
    const expected = ['suspend', 'quarantine', 'redact', 'delete-media', 'deactivate'];
    if (told.join() !== expected.map((step) => `${step} done`).join()) {
      faults.push(`the audit log says ${told.join(', ')}`);
    }
    const undone = new Set(
      entries.map(({ detail }) => (detail as { readonly undo?: string } | null)?.undo),
    );
    for (const line of [`unsuspend ${user}`, `reactivate ${user}`]) {
      if (!undone.has(line)) {
        faults.push(`nothing is taken back by ${line}`);
      }
    }
    const { fault } = await store.auditLog.verify();
    if (fault !== undefined) {
      faults.push(`the chain is broken: ${JSON.stringify(fault)}`);
    }
  } finally {
    await store.close();
  }
  const name = RegExp.escape(encodeURIComponent(user));
  for (const [method, path] of [
    ['POST', `/user/${name}/redact$`],
    ['POST', `/deactivate/${name}$`],
  ] as const) {
    const calls = room.gate.count(method, new RegExp(path, 'u'));
    if (calls !== 1) {
      faults.push(`${method} ${path} was sent ${calls} times`);
    }
  }
  const open = Object.entries(await countPending(room.database)).filter(([, count]) => count > 0);
  return [...faults, ...open.map(([table, count]) => `${table} holds ${count} that are not ended`)];
}

/** Numbers from 0 to 1 that are the same in every run: mulberry32. */
function numbersFor(one: number): () => number {
  let state = (seed + one * 0x9e3779b9) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The second death is in the life after the first, in which the takedown goes on. */
const pointsOfRecovery = 60;

describe(`kill -9 anywhere in a takedown (seed ${seed})`, () => {
  it('nobody dies', () => {
    expect(calm.faults).toEqual([]);
  });

  it.each(betweenLockAndSuspension)(
    'a lock of its own is not left by a death %s',
    { timeout: roundTimeoutMs },
    async (at) => {
      const { died, faults } = await round([{ at }]);
      expect(died).toHaveLength(1);
      expect(faults).toEqual([]);
    },
  );

  it.each(Array.from({ length: rounds }, (_, index) => index))(
    'round %i leaves nothing of the account, and tells it once',
    { timeout: roundTimeoutMs },
    async (one) => {
      const next = numbersFor(one);
      const first = { at: points[Math.floor(next() * points.length)] };
      const second = { at: 1 + Math.floor(next() * pointsOfRecovery) };
      const deaths = one % 2 === 0 ? [first, second] : [first];
      const { died, faults } = await round(deaths);
      expect(faults, `seed ${seed}, round ${one}, died ${died.join(', then ')}`).toEqual([]);
    },
  );
});
