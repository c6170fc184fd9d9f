import { HomeserverError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { UserDetail } from '../../homeserver/admin/users.ts';

/** Where a user's account is. */
export type Located =
  | { readonly where: 'here'; readonly account: UserDetail }
  /** The ID is of this server, and nobody has it. */
  | { readonly where: 'nowhere' }
  | { readonly where: 'elsewhere' };

/** Looks a user up, of this server or another. GET /_synapse/admin/v2/users/{user_id} */
export async function locate(api: AdminApi, user: UserId): Promise<Located> {
  try {
    const account = await api.users.find(user);
    return account === undefined ? { where: 'nowhere' } : { where: 'here', account };
  } catch (error) {
    // What is no user ID at all was refused before, so that one reason is left.
    if (error instanceof HomeserverError && error.status === 400) {
      return { where: 'elsewhere' };
    }
    throw error;
  }
}
