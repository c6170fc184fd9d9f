import { expect, it } from 'vitest';

import { HomeserverError } from '../../../src/core/errors.ts';
import type { RoomId } from '../../../src/core/ids.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { reconcileDeletion } from '../../../src/services/rooms/room-deletion.ts';

const room = '!room:example.com' as RoomId;
const serverName = 'example.com';

/** A homeserver with these tasks (none: it has no such list) and these members, or no such room. */
function world(status: string | undefined, members: string[] | 'gone', blocked = false) {
  return {
    server: {
      async scheduledTasks() {
        if (status === 'no list') {
          throw new HomeserverError(404, 'M_UNRECOGNIZED', 'GET /scheduled_tasks');
        }
        return status === undefined ? [] : [{ id: 'a', status }];
      },
    },
    rooms: {
      find: async () => (members === 'gone' ? undefined : { roomId: room }),
      members: async () => ({ members, total: members.length }),
      isBlocked: async () => blocked,
    },
  } as unknown as Pick<AdminApi, 'rooms' | 'server'>;
}

it.for([
  ['active', ['@a:example.com'], true, 'unknown'],
  ['scheduled', 'gone', true, 'unknown'],
  ['complete', 'gone', true, 'done'],
  ['no list', 'gone', true, 'done'],
  [undefined, ['@a:example.com'], true, 'not_done'],
  ['failed', ['@a:example.com'], true, 'not_done'],
  ['cancelled', ['@a:example.com'], true, 'not_done'],
  ['failed', ['@a:remote.example'], false, 'not_done'],
  // Members of other servers stay in a room that is kept.
  ['complete', ['@a:remote.example'], false, 'done'],
  ['complete', ['@a:example.com'], false, 'unknowable'],
  // No deletion has ever begun: the room had no members from this server before.
  [undefined, ['@a:remote.example'], false, 'not_done'],
  ['cancelled', ['@a:remote.example'], false, 'not_done'],
  ['no list', ['@a:remote.example'], false, 'done'],
  // It may be an earlier one that has ended.
  ['complete', ['@a:example.com'], true, 'unknowable'],
  ['no list', ['@a:example.com'], true, 'unknowable'],
] as const)('deletion %s, members %s, purged %s: %s', async ([status, members, purge, end]) => {
  const api = world(status, members === 'gone' ? members : [...members]);
  expect(await reconcileDeletion(api, room, { block: false, purge, serverName })).toBe(end);
});

it.for([
  ['complete', ['@a:remote.example'], false, 'unknowable'],
  ['complete', ['@a:remote.example'], true, 'done'],
  ['no list', ['@a:remote.example'], false, 'unknowable'],
  [undefined, ['@a:remote.example'], true, 'not_done'],
  // Somebody else has deleted it meanwhile.
  [undefined, 'gone', false, 'not_done'],
  ['complete', 'gone', true, 'done'],
] as const)(
  'to be blocked: deletion %s, members %s, blocked %s: %s',
  async ([status, members, blocked, end]) => {
    const api = world(status, members === 'gone' ? members : [...members], blocked);
    expect(await reconcileDeletion(api, room, { block: true, purge: false, serverName })).toBe(end);
  },
);
