import { isNotFound, orUndefined } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { UserPage, UserQuery, UserSummary } from '../../homeserver/admin/users.ts';
import { pageSize } from '../../homeserver/paginate.ts';
import type { Logins } from './logins.ts';
import type { MasAccounts } from './mas-accounts.ts';
import { bothSides } from './sides.ts';
import type { DelegatedAccount } from './sides.ts';

/** What reading accounts in both services needs. */
export interface DelegatedUserReadsContext {
  readonly synapse: Pick<AdminApi['users'], 'all' | 'find' | 'get' | 'list'>;
  readonly accounts: MasAccounts;
  readonly logins: Logins;
}

/** Reads accounts as both services together show them: see `delegatedUsersApi`. */
export function delegatedUserReads({ synapse, accounts, logins }: DelegatedUserReadsContext) {
  /** @throws HomeserverError 400 account of another server, 404 neither of the two knows it */
  async function get(user: UserId): Promise<DelegatedAccount> {
    const [known, atMas] = await Promise.allSettled([synapse.get(user), ofMas(user)]);
    if (known.status === 'rejected' && !isNotFound(known.reason)) {
      throw known.reason;
    }
    if (atMas.status === 'rejected') {
      // While MAS can't be reached, nobody can tell an admin from an ordinary account.
      throw atMas.reason;
    }
    const detail = known.status === 'fulfilled' ? known.value : undefined;
    const { account, isAdmin, externalIds } = atMas.value;
    const both = bothSides(user, detail, account, isAdmin);
    if (both === undefined) {
      throw known.status === 'rejected' ? known.reason : new TypeError('unreachable');
    }
    return { ...both, externalIds: [...both.externalIds, ...externalIds] };
  }

  async function ofMas(user: UserId) {
    const account = await accounts.find(user);
    if (account === undefined) {
      return { account, isAdmin: false, externalIds: [] };
    }
    const [isAdmin, externalIds] = await Promise.all([
      accounts.isServerAdmin(account),
      logins.of(account.id),
    ]);
    return { account, isAdmin, externalIds };
  }

  const find = async (user: UserId): Promise<DelegatedAccount | undefined> =>
    orUndefined(get(user), isNotFound);

  /** Corrects rows of Synapse's list by what MAS says about admins, locks and deactivations. */
  async function masWord({
    deactivated: withDeactivated,
  }: UserQuery): Promise<(row: UserSummary) => Promise<UserSummary>> {
    const [admins, locked, deactivated] = await Promise.all([
      accounts.serverAdmins(),
      accounts.withStatus('locked'),
      // There may be very many, and Synapse lists them only if asked.
      withDeactivated === true ? accounts.withStatus('deactivated') : new Set<UserId>(),
    ]);
    return async (row) => ({
      ...row,
      admin: admins.has(row.name),
      locked: locked.has(row.name),
      deactivated:
        deactivated.has(row.name) ||
        // An account that only Synapse has deactivated can still log in.
        (row.deactivated && (await accounts.find(row.name)) === undefined),
    });
  }

  const listed = (query: UserQuery): UserQuery => {
    const { admins: _, ...rest } = query;
    // With MAS, Synapse refuses to list accounts unless guests are left out.
    return { ...rest, guests: false };
  };

  /** All server admins, whom Synapse can't list. */
  async function adminRows(query: UserQuery): Promise<DelegatedAccount[]> {
    const rows: DelegatedAccount[] = [];
    const part = (query.name ?? query.userId ?? '').toLowerCase();
    for (const user of [...(await accounts.serverAdmins())].sort()) {
      const account = await find(user);
      const isWanted =
        account !== undefined &&
        (query.deactivated === true || !account.deactivated) &&
        [account.name, account.displayname ?? ''].some((text) => text.toLowerCase().includes(part));
      if (isWanted) {
        rows.push({ ...account, admin: true });
      }
    }
    return query.dir === 'b' ? rows.reverse() : rows;
  }

  async function list(query: UserQuery = {}): Promise<UserPage> {
    if (query.admins === true) {
      const rows = await adminRows(query);
      const start = Number(query.from ?? 0);
      const end = start + (pageSize(query.limit) ?? 100);
      return {
        users: rows.slice(start, end),
        total: rows.length,
        nextToken: end < rows.length ? String(end) : null,
      };
    }
    const page = await synapse.list(listed(query));
    const users = await Promise.all(page.users.map(await masWord(query)));
    if (query.admins === undefined) {
      return { ...page, users };
    }
    // Synapse lists and counts everybody.
    const admins = (await adminRows(query)).filter(({ sides }) => sides.synapse !== null);
    return {
      ...page,
      users: users.filter(({ admin }) => !admin),
      total: Math.max(0, page.total - admins.length),
    };
  }

  async function* all(query: UserQuery = {}): AsyncGenerator<UserSummary, void, undefined> {
    if (query.admins === true) {
      yield* await adminRows(query);
      return;
    }
    const corrected = await masWord(query);
    for await (const row of synapse.all(listed(query))) {
      const account = await corrected(row);
      if (query.admins === undefined || !account.admin) {
        yield account;
      }
    }
  }

  return { get, find, list, all };
}
