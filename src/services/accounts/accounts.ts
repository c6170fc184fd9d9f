import leven from 'leven';

import { localpartOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { UserDetail } from '../../homeserver/admin/users.ts';

/** How much an account has left behind on this server. */
export interface Footprint {
  readonly rooms: number;
  readonly devices: number;
  readonly files: number;
  /** Of the newest files alone, where there are more than `weighedFiles`. */
  readonly bytes: number;
  readonly bytesAreAll: boolean;
}

/** So many files are weighed; an account with more is a case for `media`. */
const weighedFiles = 500;

/** What takes several calls about one account. */
export function accountsService(api: AdminApi) {
  return {
    /** Local accounts that a wrong user ID may have meant, the nearest first, three at most. */
    async similar(user: UserId): Promise<UserId[]> {
      const localpart = localpartOf(user);
      // Look-alike letters are outside ASCII: the rest of the name finds the account.
      const [part = ''] = (localpart.match(/[a-z0-9._=/-]+/giu) ?? []).toSorted(
        (one, other) => other.length - one.length,
      );
      // One typing error leaves one half of a name as it is; few others have that half.
      const middle = Math.ceil(part.length / 2);
      const halves = [part.slice(0, middle), part.slice(middle)];
      for (const name of new Set([localpart, part, ...halves, part.slice(0, 4)])) {
        if (name.length >= 3) {
          const { users } = await api.users.list({ name, deactivated: true, limit: 50 });
          const near = users
            .map((found) => ({
              id: found.name,
              distance: leven(localpartOf(found.name), localpart.toLowerCase()),
            }))
            .filter(({ distance }) => distance <= 3)
            .toSorted((one, other) => one.distance - other.distance);
          if (near.length > 0) {
            return near.slice(0, 3).map(({ id }) => id);
          }
        }
      }
      return [];
    },

    /** Rooms, devices and media of an account, asked at the same time. */
    async footprint(account: UserDetail): Promise<Footprint> {
      const [rooms, devices, media] = await Promise.all([
        api.users.joinedRooms(account.name),
        api.devices.list(account.name),
        api.media.list(account.name, { limit: weighedFiles }),
      ]);
      return {
        rooms: rooms.total,
        devices: devices.length,
        files: media.total,
        bytes: media.media.reduce((sum, { mediaLength }) => sum + (mediaLength ?? 0), 0),
        bytesAreAll: media.total <= media.media.length,
      };
    },
  };
}

export type AccountsService = ReturnType<typeof accountsService>;
