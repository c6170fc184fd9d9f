import { afterAll, beforeAll, expect, it } from 'vitest';

import { Moderator } from '../../dev/room/moderator.ts';
import { adminApi, asUserId, newUser } from '../support/homeserver.ts';
import { openCrashRoom } from './crash-room.ts';
import type { CrashRoom } from './crash-room.ts';

/** Long enough that the bot has died and come back before. */
const later = '15s';
const storyTimeoutMs = 120_000;

let room: CrashRoom;
let ben: Moderator;

beforeAll(async () => {
  room = await openCrashRoom();
  ben = await new Moderator(room.ben, room.id).look();
  room.ana.waitUpTo(storyTimeoutMs);
  ben.waitUpTo(storyTimeoutMs);
});
afterAll(async () => {
  await ben.lookAway();
  await room.close();
});

const isLocked = async (userId: string) => (await adminApi().users.get(asUserId(userId))).locked;

async function setPowers(users: Record<string, number>) {
  await room.ana.user.setState(room.id, 'm.room.power_levels', {
    // Ana has made the room, so she has all power.
    users: { [room.ben.userId]: 50, ...users },
  });
}

/** Schedules a lock, and confirms it. Returns its answer. */
async function schedule(who: Moderator, targets: readonly string[], how: string) {
  const command = await who.say(`!lock ${targets.join(' ')} ${how}`);
  const asked = await who.answerTo(command);
  await who.say(`!confirm ${asked.field.confirmation?.code}`);
  return who.until('the schedule', () =>
    who.answersTo(command).find(({ field }) => field.operation?.state === 'scheduled'),
  );
}

it('a bot that is killed before the time runs what was scheduled, without those who are protected by then', async () => {
  const [mallory, colleague, admin] = await Promise.all([
    newUser('mallory'),
    newUser('colleague'),
    newUser('admin'),
  ]);
  const everybody = [mallory, colleague, admin].map(({ userId }) => userId);
  const { result } = await room.tell(
    [],
    async () => {
      const asked = await schedule(room.ana, everybody, `--in ${later}`);
      await room.kill();
      await setPowers({ [colleague.userId]: 50 });
      await adminApi().users.setAdmin(asUserId(admin.userId), true);
      expect(await isLocked(mallory.userId)).toBe(false);
      return room.ana.outcomeOf(asked, 'done', 'partial', 'failed');
    },
    { timeoutMs: storyTimeoutMs },
  );
  expect(result.field).toMatchObject({
    status: 'partial',
    operation: { state: 'partial', targets: 3, done: 1, left_out: 2 },
  });
  expect(result.body).toContain(`${colleague.userId} (`);
  expect(result.body).toContain(`${admin.userId} (is a server admin)`);
  expect(await Promise.all(everybody.map(isLocked))).toEqual([true, false, false]);
});

it('what somebody scheduled who has lost their role since does not run after a restart, and the room is told why', async () => {
  const [one, other] = await Promise.all([newUser('one'), newUser('other')]);
  const at = new Date(Date.now() + 20_000).toISOString();
  const { result } = await room.tell(
    [],
    async () => {
      const asked = await schedule(ben, [one.userId, other.userId], `--at ${at}`);
      await room.kill();
      await setPowers({ [room.ben.userId]: 0 });
      return ben.outcomeOf(asked, 'denied', 'done', 'failed', 'partial');
    },
    { timeoutMs: storyTimeoutMs },
  );
  expect(result.field).toMatchObject({ status: 'denied', operation: { state: 'failed', done: 0 } });
  expect(result.body).toContain('you need to be a moderator');
  expect(await Promise.all([one, other].map(async ({ userId }) => isLocked(userId)))).toEqual([
    false,
    false,
  ]);
});
