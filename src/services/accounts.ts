import type { AdminApi } from '../admin-api/admin-api.ts';
import type { UserDetail } from '../admin-api/users.ts';

/** How much an account has left behind on this server. */
export interface Footprint {
  readonly rooms: number;
  readonly devices: number;
  readonly files: number;
  readonly bytes: number;
}

/** What takes several calls about one account. */
export function accountsService(api: AdminApi) {
  return {
    /** Rooms, devices and media of an account, asked at the same time. */
    async footprint(account: UserDetail): Promise<Footprint> {
      const [rooms, devices, media] = await Promise.all([
        api.users.joinedRooms(account.name),
        api.devices.list(account.name),
        api.statistics.listMediaUsage({ searchTerm: account.name }),
      ]);
      // The server searches for a part of the ID or the display name.
      const own = media.users.find(({ userId }) => userId === account.name);
      return {
        rooms: rooms.total,
        devices: devices.length,
        files: own?.mediaCount ?? 0,
        bytes: own?.mediaLength ?? 0,
      };
    },
  };
}

export type AccountsService = ReturnType<typeof accountsService>;
