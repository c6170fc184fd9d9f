import PQueue from 'p-queue';

import { TargetError, UsageError } from '../../core/errors.ts';
import { matchesGlob } from '../../core/glob.ts';
import { localpartOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import { readNetworks } from '../../core/ip.ts';
import { commonStart } from '../../core/text.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { UserDetail, UserQuery, UserSummary } from '../../homeserver/admin/users.ts';
import type { Sides } from '../delegation/sides.ts';

/**
 * An account of this server. If it was read from the list of all accounts, what the list leaves out
 * (suspension, addresses, consent) has the values of a new account.
 */
export type Account = UserDetail & {
  /**
   * Set if it was read from the list. `unchecked`: it may belong to an application service, which the
   * list doesn't say either.
   */
  readonly listed?: 'checked' | 'unchecked';
  /** What MAS and Synapse say of it, on a homeserver that delegates accounts. */
  readonly sides?: Sides;
};

/** Which accounts are searched for. Times in milliseconds since 1970. */
export interface AccountFilter extends Pick<UserQuery, 'admins' | 'deactivated' | 'guests'> {
  /** Part of the username or display name; with `*` or `?`, all of it. */
  readonly name?: string | undefined;
  /** Part of the ID; with `*` or `?`, all of it. */
  readonly userId?: string | undefined;
  readonly deactivatedOnly?: boolean | undefined;
  readonly locked?: boolean | undefined;
  readonly suspended?: boolean | undefined;
  readonly waitingForApproval?: boolean | undefined;
  /** `bot`, `support` or a type from the server's configuration; `ordinary` for none. */
  readonly type?: string | undefined;
  readonly createdAfter?: number | undefined;
  readonly createdBefore?: number | undefined;
  /** An account that was never seen counts from its creation. */
  readonly lastSeenBefore?: number | undefined;
  /** Addresses and networks: accounts that connected from one of them lately. */
  readonly ip?: readonly string[] | undefined;
}

type UsersApi = Pick<AdminApi['users'], 'all' | 'find' | 'list'>;
type SearchApi = Pick<AdminApi['users'], 'all' | 'find' | 'whois'>;

/** Rows of the list in one request. Synapse has no upper limit. */
const rowsPerRequest = 1000;

/** The filters that Synapse does not have, or not in this way. */
const ownFilters = [
  'deactivatedOnly',
  'locked',
  'suspended',
  'waitingForApproval',
  'type',
  'createdAfter',
  'createdBefore',
  'lastSeenBefore',
  'ip',
] as const satisfies readonly (keyof AccountFilter)[];

/** The filters given that are applied here, because Synapse can't. */
export function filtersAppliedHere(filter: AccountFilter): (keyof AccountFilter)[] {
  return [
    ...(['name', 'userId'] as const).filter((key) => isGlob(filter[key])),
    ...ownFilters.filter((key) => isGiven(filter[key])),
    // `--no-locked`
    ...(['locked', 'suspended', 'waitingForApproval'] as const).filter(
      (key) => filter[key] === false,
    ),
  ];
}

function isGiven(value: AccountFilter[keyof AccountFilter]): boolean {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}

/**
 * All accounts that match, sorted by `orderBy`. With `createdAfter` and without `orderBy`, reads only the
 * newest accounts of the list, and sorts by ID.
 */
export async function searchAccounts(
  users: SearchApi,
  filter: AccountFilter,
  order: Pick<UserQuery, 'dir' | 'orderBy'> = {},
): Promise<UserSummary[]> {
  const createdAfter = wholeSeconds(filter.createdAfter);
  const createdBefore = wholeSeconds(filter.createdBefore);
  const newestFirst = createdAfter !== undefined && order.orderBy === undefined;
  const found: UserSummary[] = [];
  const rows = users.all({
    name: literalPart(filter.name),
    userId: literalPart(filter.userId),
    guests: filter.guests,
    deactivated: filter.deactivated === true || filter.deactivatedOnly === true ? true : undefined,
    admins: filter.admins,
    approved: filter.waitingForApproval === true ? false : undefined,
    ...(newestFirst
      ? { orderBy: 'creation_ts', dir: 'b' }
      : { orderBy: order.orderBy, dir: order.dir }),
    limit: rowsPerRequest,
  });
  for await (const row of rows) {
    // Accounts without a time of creation come last.
    if (newestFirst && (row.creationTs ?? 0) < createdAfter) {
      break;
    }
    if (filter.waitingForApproval !== undefined && typeof row.approved !== 'boolean') {
      throw asksForNoApproval();
    }
    if (matches(row, { ...filter, createdAfter, createdBefore })) {
      found.push(row);
    }
  }
  if (newestFirst) {
    found.sort((one, other) => (one.name < other.name ? -1 : 1));
    if (order.dir === 'b') {
      found.reverse();
    }
  }
  const near = filter.ip?.length ? await connectedFrom(users, found, filter.ip) : found;
  return filter.suspended === undefined
    ? near
    : withSuspension(users, near, { suspended: filter.suspended });
}

/** More accounts than this are not looked up for a filter: that would take minutes. */
const maxLookUps = 10_000;

/** Those that are suspended, or those that are not. Only the account itself says so, not the list. */
async function withSuspension(
  users: Pick<SearchApi, 'find'>,
  rows: readonly UserSummary[],
  { suspended }: { readonly suspended: boolean },
): Promise<(UserSummary & Pick<UserDetail, 'suspended'>)[]> {
  if (rows.length > maxLookUps) {
    throw tooManyLookUps('who is suspended', rows.length);
  }
  const queue = new PQueue({ concurrency });
  const looked = await queue.addAll(
    rows.map((row) => async () => ({
      ...row,
      suspended: (await users.find(row.name))?.suspended === true,
    })),
  );
  return looked.filter((row) => row.suspended === suspended);
}

function tooManyLookUps(what: string, accounts: number): TargetError {
  return new TargetError(
    'state',
    `Synapse doesn’t list ${what}, and ${accounts.toLocaleString('en-US')} accounts are too many to look up`,
    'Add other filters, such as a name, or `--created-after 7d`.',
  );
}

/**
 * The accounts that connected from one of these addresses or networks.
 *
 * @throws UsageError a word is neither
 * @throws TargetError there are too many accounts to look at
 */
async function connectedFrom(
  users: Pick<SearchApi, 'whois'>,
  rows: readonly UserSummary[],
  ip: readonly string[],
): Promise<UserSummary[]> {
  const isWanted = readNetworks(ip);
  if (isWanted === undefined) {
    throw new UsageError('`--ip` needs IP addresses.', {
      advice: 'Such as `--ip 203.0.113.7`, or a network: `--ip 2001:db8:1:2::/64`.',
    });
  }
  if (rows.length > maxLookUps) {
    throw tooManyLookUps('where accounts connected from', rows.length);
  }
  const queue = new PQueue({ concurrency: concurrency });
  const found = await queue.addAll(
    rows.map((row) => async () => {
      const connections = await users.whois(row.name);
      return connections.some((one) => one.ip !== null && isWanted(one.ip)) ? [row] : [];
    }),
  );
  return found.flat();
}

/** The homeserver does not say which accounts are approved. */
export function asksForNoApproval(): TargetError {
  return new TargetError(
    'state',
    'this homeserver does not ask for approval of new accounts',
    'In Synapse’s configuration, `experimental_features.msc3866` turns it on.',
  );
}

/** Synapse stores the time of creation in whole seconds. */
function wholeSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.floor(ms / 1000) * 1000;
}

function matches(row: UserSummary, filter: AccountFilter): boolean {
  const { name, userId, type, locked, waitingForApproval } = filter;
  const { createdAfter, createdBefore, lastSeenBefore } = filter;
  const created = row.creationTs ?? 0;
  return (
    (name === undefined ||
      [localpartOf(row.name), row.displayname ?? ''].some((text) => fits(name, text))) &&
    // Synapse ignores the ID if a name is given.
    (userId === undefined || fits(userId, row.name)) &&
    (filter.guests !== false || !row.isGuest) &&
    (filter.admins === undefined || row.admin === filter.admins) &&
    (filter.deactivatedOnly === true
      ? row.deactivated
      : filter.deactivated === true || !row.deactivated) &&
    (locked === undefined || row.locked === locked) &&
    (waitingForApproval === undefined || (row.approved === false) === waitingForApproval) &&
    (type === undefined || (row.userType ?? 'ordinary') === type) &&
    (createdAfter === undefined || created >= createdAfter) &&
    (createdBefore === undefined || created < createdBefore) &&
    (lastSeenBefore === undefined || (row.lastSeenTs ?? created) < lastSeenBefore)
  );
}

function isGlob(pattern: string | undefined): boolean {
  return pattern !== undefined && /[*?]/u.test(pattern);
}

function fits(pattern: string, text: string): boolean {
  const [wanted, found] = [pattern.toLowerCase(), text.toLowerCase()];
  return isGlob(pattern) ? matchesGlob(wanted, found) : found.includes(wanted);
}

/** What Synapse can search for: the longest part of a pattern without `*` and `?`. */
function literalPart(pattern: string | undefined): string | undefined {
  const [longest = ''] = (pattern?.split(/[*?]+/u) ?? []).toSorted(
    (one, other) => other.length - one.length,
  );
  return longest === '' ? undefined : longest;
}

/** Up to this many accounts are looked up one by one: that takes less than half a second. */
const fewAccounts = 30;
/** A page of the list takes Synapse about as long as this many single accounts. */
const accountsPerPage = 20;
/** More of the list than this is not read, however many accounts are wanted. */
const maxPages = 100;

/**
 * Reads many accounts from the list of all accounts, if that is faster than looking up each. It depends
 * on how many accounts the server has for each that is wanted. Accounts that are missing from the result
 * may still exist.
 *
 * @param few for up to this many accounts, the list is never read
 * @returns undefined if it would not be faster
 */
export async function accountsFromList(
  users: UsersApi,
  wanted: readonly UserId[],
  few = fewAccounts,
): Promise<Map<UserId, Account> | undefined> {
  if (wanted.length <= few) {
    return undefined;
  }
  const missing = new Set(wanted);
  const found = new Map<UserId, Account>();
  const part = commonStart(wanted.map(localpartOf));
  let from: string | undefined;
  do {
    const page = await users.list({
      // Most names contain any two letters, so searching for them would not help.
      ...(part.length > 2 ? { name: part } : {}),
      deactivated: true,
      limit: rowsPerRequest,
      from,
    });
    const pages = Math.ceil(page.total / rowsPerRequest);
    if (from === undefined && (pages > maxPages || pages * accountsPerPage > wanted.length)) {
      return undefined;
    }
    for (const row of page.users) {
      if (missing.delete(row.name)) {
        found.set(row.name, fromList(row));
      }
    }
    // Counts rows, so that a list that never ends is not read forever.
    from =
      found.size < wanted.length && page.users.length > 0
        ? (page.nextToken ?? undefined)
        : undefined;
    if (Number(from ?? 0) > maxPages * rowsPerRequest) {
      return undefined;
    }
  } while (from !== undefined);
  return found;
}

/** An account as far as the list of all accounts shows it. */
export function fromList(row: UserSummary): Account {
  return {
    suspended: false,
    appserviceId: null,
    consentVersion: null,
    consentTs: null,
    threepids: [],
    externalIds: [],
    ...row,
    listed: 'unchecked',
  };
}

/** At most this many accounts are looked up to find application services: about two seconds. */
const maxSamples = 150;
const concurrency = 8;

/**
 * Finds out which accounts from the list belong to application services. Synapse never sees these log in,
 * and the names of one service begin alike. So this looks up one account of each kind of name among those
 * that were never seen, and assumes that the others of that kind are like it. For display only: before an
 * account is changed, it is looked up itself if that matters.
 */
export async function withServices(
  users: UsersApi,
  accounts: readonly Account[],
): Promise<Account[]> {
  const suspects = accounts.filter(
    ({ listed, lastSeenTs }) => listed === 'unchecked' && lastSeenTs === null,
  );
  const kinds = [...Map.groupBy(suspects, ({ name }) => kindOfName(name))].slice(0, maxSamples);
  const queue = new PQueue({ concurrency });
  const services = new Map(
    await queue.addAll(
      kinds.map(([kind, [sample]]) => async () => {
        const found = sample === undefined ? undefined : await users.find(sample.name);
        return [kind, found?.appserviceId ?? null] as const;
      }),
    ),
  );
  return accounts.map((account) => {
    if (account.listed === undefined) {
      return account;
    }
    if (account.lastSeenTs !== null) {
      return { ...account, listed: 'checked' };
    }
    const appserviceId = services.get(kindOfName(account.name));
    return appserviceId === undefined ? account : { ...account, appserviceId, listed: 'checked' };
  });
}

/** `_irc_` of `@_irc_bob:example.com`, `spam` of `@spam17:example.com`. */
function kindOfName(user: UserId): string {
  return /^_?[^_.\-=\d]*[_.\-=]?/u.exec(localpartOf(user))?.[0] ?? '';
}
