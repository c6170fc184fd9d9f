import { afterAll, beforeAll, expect, it } from 'vitest';

import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { openStore } from '../../src/store/store.ts';
import { adminApi, asRoomId, newRoom, newUser } from '../support/homeserver.ts';
import { countPending, openCrashRoom } from './crash-room.ts';
import type { CrashRoom } from './crash-room.ts';

const { rooms } = adminApi();
const storyTimeoutMs = 120_000;

let room: CrashRoom;
let owner: MatrixUser;
beforeAll(async () => {
  room = await openCrashRoom('admin', { requestTimeout: '2s' });
  room.ana.waitUpTo(storyTimeoutMs);
  owner = await newUser('owner');
});
afterAll(async () => room.close());

it.each(['before DELETE admin 1', 'before DELETE admin 2', 'after DELETE admin 2'])(
  'three rooms are deleted, each once, by a bot that dies %s',
  { timeout: 150_000 },
  async (at) => {
    const ids: string[] = [];
    for (const name of ['one', 'two', 'three']) {
      ids.push(await newRoom(owner, { preset: 'public_chat', name }));
    }
    const { ana, ben, id } = room;
    const { result, died } = await room.tell(
      [{ at }],
      async () => {
        const event = await ana.say(`!delete-room ${ids.join(' ')} --reason spam`);
        const confirmation = await ana.answerTo(event);
        await ben.sendText(id, `!confirm ${confirmation.field.confirmation?.code ?? ''}`);
        return { event, outcome: await ana.outcomeOf(confirmation, 'done', 'partial', 'failed') };
      },
      { timeoutMs: storyTimeoutMs },
    );
    expect(died).toEqual([at]);
    expect(result.outcome.body).toContain('3 of 3 rooms done');
    for (const one of ids) {
      expect(await rooms.find(asRoomId(one))).toBeUndefined();
      const path = RegExp.escape(encodeURIComponent(one));
      expect(room.gate.count('DELETE', new RegExp(`/v2/rooms/${path}$`, 'u'))).toBe(1);
    }
    const store = await openStore(room.database.place, { readonly: true });
    try {
      const entries = await store.auditLog.search({ eventId: result.event, limit: 100 });
      const told = entries.map(({ target, status, reason }) => `${target} ${status} ${reason}`);
      expect(told.toSorted()).toEqual(ids.map((one) => `${one} done spam`).toSorted());
      expect((await store.auditLog.verify()).fault).toBeUndefined();
    } finally {
      await store.close();
    }
    const open = Object.entries(await countPending(room.database)).filter(([, count]) => count > 0);
    expect(open).toEqual([]);
  },
);
