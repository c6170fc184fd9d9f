import leven from 'leven';

import { localpartOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';

/** More typos than this make another name. */
const maxTypos = 3;
const maxSimilar = 3;

/** Up to three local accounts that a wrong user ID may have meant, the nearest first. */
export async function similarAccounts(
  users: Pick<AdminApi['users'], 'list'>,
  user: UserId,
): Promise<UserId[]> {
  const localpart = localpartOf(user);
  for (const name of partsOf(localpart)) {
    const found = await users.list({ name, deactivated: true, limit: 50 });
    const near = found.users
      .map((one) => ({
        id: one.name,
        distance: leven(localpartOf(one.name), localpart.toLowerCase()),
      }))
      .filter(({ distance }) => distance <= maxTypos)
      .toSorted((one, other) => one.distance - other.distance);
    if (near.length > 0) {
      return near.slice(0, maxSimilar).map(({ id }) => id);
    }
  }
  return [];
}

/** What to search for. Shorter parts than three letters would find too many. */
function partsOf(localpart: string): string[] {
  // Look-alike letters are outside ASCII: the rest of the name finds the account.
  const [part = ''] = (localpart.match(/[a-z0-9._=/-]+/giu) ?? []).toSorted(
    (one, other) => other.length - one.length,
  );
  // One typing error leaves one half of a name as it is; few other names contain that half.
  const middle = Math.ceil(part.length / 2);
  const halves = [part.slice(0, middle), part.slice(middle)];
  return [...new Set([localpart, part, ...halves, part.slice(0, 4)])].filter(
    (name) => name.length >= 3,
  );
}
