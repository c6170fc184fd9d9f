import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';

/** The server admins besides `user` who can act as such: neither deactivated nor locked. */
export async function otherAdmins(api: AdminApi, user: UserId): Promise<UserId[]> {
  const admins: UserId[] = [];
  for await (const { name, deactivated, locked } of api.users.all({ admins: true, limit: 100 })) {
    if (name !== user && !deactivated && !locked) {
      admins.push(name);
    }
  }
  return admins;
}
