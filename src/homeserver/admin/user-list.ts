import { z } from 'zod';

import { apiObject, maybe } from '../decode.ts';
import type { SendRequest } from '../http.ts';
import { pageSize, paginate } from '../paginate.ts';
import { userFields } from './user-detail.ts';

const userSummary = apiObject({
  ...userFields,
  creation_ts: maybe(z.number()),
});

/** One account in the list. Times in milliseconds since 1970. */
export type UserSummary = z.output<typeof userSummary>;

const userPage = apiObject({
  users: z.array(userSummary),
  total: z.number(),
  next_token: maybe(z.string()),
});

export type UserPage = z.output<typeof userPage>;

export const userOrders = [
  'name',
  'displayname',
  'is_guest',
  'admin',
  'deactivated',
  'user_type',
  'avatar_url',
  'shadow_banned',
  'creation_ts',
  'last_seen_ts',
] as const;

export interface UserQuery {
  /** Part of the localpart or the display name. */
  readonly name?: string | undefined;
  /** Part of the ID, in ASCII; the server ignores it if `name` is given. */
  readonly userId?: string | undefined;
  readonly guests?: boolean | undefined;
  /** True to include deactivated accounts. */
  readonly deactivated?: boolean | undefined;
  /** False for only those who wait for approval. A server that does not ask for approval ignores it. */
  readonly approved?: false | undefined;
  /** Only admins, or only the others. */
  readonly admins?: boolean | undefined;
  readonly orderBy?: (typeof userOrders)[number] | undefined;
  readonly dir?: 'f' | 'b' | undefined;
  /** Accounts per page, 1 or more; the server's default is 100. */
  readonly limit?: number | undefined;
  readonly from?: string | undefined;
}

/** The list of accounts, by `/_synapse/admin/v2/users`. */
export function userListApi(send: SendRequest) {
  const listPath = '/_synapse/admin/v2/users';

  async function list(query: UserQuery = {}): Promise<UserPage> {
    return send('GET', listPath, {
      query: {
        name: query.name,
        user_id: query.userId,
        guests: query.guests,
        deactivated: query.deactivated,
        approved: query.approved,
        admins: query.admins,
        locked: true,
        order_by: query.orderBy,
        dir: query.dir,
        limit: pageSize(query.limit),
        from: query.from,
      },
      answer: userPage,
    });
  }

  return {
    /**
     * One page of accounts. GET /_synapse/admin/v2/users
     *
     * Includes locked accounts, which the server hides by default.
     */
    list,

    /**
     * The newest accounts, without guests and deactivated ones. GET /_synapse/admin/v2/users
     *
     * With MAS, Synapse refuses to list accounts unless guests are left out.
     */
    async newest(limit: number): Promise<readonly UserSummary[]> {
      const page = await list({ orderBy: 'creation_ts', dir: 'b', guests: false, limit });
      return page.users;
    },

    /** All accounts on all pages of `list`, one by one. */
    all(query: UserQuery = {}): AsyncGenerator<UserSummary, void, undefined> {
      return paginate(`GET ${listPath}`, query.from, async (from) => {
        const page = await list({ ...query, from });
        return { items: page.users, next: page.nextToken };
      });
    },
  };
}
