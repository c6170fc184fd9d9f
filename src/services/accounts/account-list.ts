import PQueue from 'p-queue';

import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { UserDetail, UserQuery, UserSummary } from '../../homeserver/admin/users.ts';
import { rowsPerRequest } from '../pages.ts';
import type { Pages } from '../pages.ts';
import { filtersAppliedHere, searchAccounts } from './account-search.ts';
import type { AccountFilter } from './account-search.ts';

/** An account in a list. Synapse doesn't say in its list who is suspended, so that may be missing. */
export type ListedAccount = UserSummary & Partial<Pick<UserDetail, 'suspended'>>;

/** Which accounts to list, and in which order. */
export type AccountListQuery = Omit<UserQuery, 'name' | 'userId'> & AccountFilter;

type UsersApi = Pick<AdminApi['users'], 'all' | 'find' | 'list' | 'whois'>;

/** The number of accounts that are requested at the same time. */
const concurrency = 4;

/** Lists accounts. With a filter that Synapse does not have, the list is read as a whole. */
export function listAccounts(users: UsersApi, query: AccountListQuery): Pages<ListedAccount> {
  return filtersAppliedHere(query).length > 0
    ? filteredHere(users, query)
    : {
        async page() {
          const page = await users.list(query);
          return {
            rows: await withSuspensions(users, page.users),
            total: page.total,
            nextFrom: page.nextToken ?? undefined,
          };
        },
        all: () => users.all({ ...query, limit: rowsPerRequest }),
      };
}

function filteredHere(users: UsersApi, query: AccountListQuery): Pages<ListedAccount> {
  const { from, limit = rowsPerRequest, dir, orderBy } = query;
  const found = async () => searchAccounts(users, query, { dir, orderBy });
  return {
    async page() {
      const rows = await found();
      const start = Number(from ?? 0);
      const end = start + limit;
      return {
        rows: await withSuspensions(users, rows.slice(start, end)),
        total: rows.length,
        nextFrom: end < rows.length ? String(end) : undefined,
      };
    },
    async *all() {
      yield* await found();
    },
  };
}

async function withSuspensions(
  users: UsersApi,
  summaries: readonly UserSummary[],
): Promise<ListedAccount[]> {
  const queue = new PQueue({ concurrency });
  return queue.addAll(
    summaries.map((summary) => async () => {
      const found = await users.find(summary.name);
      return found === undefined ? summary : { ...summary, suspended: found.suspended };
    }),
  );
}
