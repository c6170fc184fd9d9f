import { expect, it } from 'vitest';

import { HomeserverError } from '../../../src/core/errors.ts';
import type { RoomId } from '../../../src/core/ids.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { reconcileDeletion } from '../../../src/services/rooms/room-deletion.ts';

const room = '!room:example.com' as RoomId;

/** A homeserver with these tasks (none: it has no such list) and these members, or no such room. */
function world(status: string | undefined, members: string[] | 'gone') {
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
  // It may be an earlier one that has ended.
  ['complete', ['@a:example.com'], true, 'unknowable'],
  ['no list', ['@a:example.com'], true, 'unknowable'],
] as const)('deletion %s, members %s, purged %s: %s', async ([status, members, purge, end]) => {
  const api = world(status, members === 'gone' ? members : [...members]);
  expect(await reconcileDeletion(api, room, { purge, serverName: 'example.com' })).toBe(end);
});
