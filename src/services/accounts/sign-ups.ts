import PQueue from 'p-queue';

import type { UserId } from '../../core/ids.ts';
import { isInternal, networkOf } from '../../core/ip.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { UserSummary } from '../../homeserver/admin/users.ts';
import { searchAccounts } from './account-search.ts';
import { groupSignUps } from './sign-up-groups.ts';
import type { SignUp, SignUpGroup } from './sign-up-groups.ts';

/** A group of new accounts, and what they have done since they exist. */
type ActiveGroup = SignUpGroup & {
  readonly invites: number;
  readonly joins: number;
};

/** The accounts that were created since a time, and which of them look alike. */
export interface SignUps {
  /** All of them. */
  readonly total: number;
  /** The newest, whose addresses were looked up. */
  readonly examined: number;
  /** All accounts that were created since this time were looked up, in milliseconds since 1970. */
  readonly examinedSince: number;
  /** Those of them that Synapse has only seen at an internal address, such as its proxy's. */
  readonly hidden: number;
  readonly groups: readonly ActiveGroup[];
}

/** Addresses of more accounts than this are not looked up: each takes two requests. */
const maxExamined = 1000;
/** Accounts that are looked up at the same time. */
const concurrency = 4;

/** A new account, as the list of all accounts shows it. */
export interface NewAccount {
  readonly name: UserId;
  readonly displayname: string | null;
  /** Milliseconds since 1970, to the second. */
  readonly createdAt: number;
}

/** The newest accounts, newest first. One request, whatever the number of accounts. */
export async function newestAccounts(
  users: Pick<AdminApi['users'], 'newest'>,
  limit: number,
): Promise<NewAccount[]> {
  const rows = await users.newest(limit);
  return rows.map(({ name, displayname, creationTs }) => ({
    name,
    displayname,
    createdAt: creationTs ?? 0,
  }));
}

/** Groups new accounts that look as if one person made them. Takes two requests for each account. */
export async function groupNewAccounts(
  users: Pick<AdminApi['users'], 'find' | 'whois'>,
  accounts: readonly NewAccount[],
): Promise<SignUpGroup[]> {
  const looked = await sideBySide(accounts, async (account) => signUpOf(users, account));
  return groupSignUps(looked.map(({ signUp }) => signUp));
}

type SignUpsApi = Pick<AdminApi['users'], 'all' | 'find' | 'invitesSince' | 'joinsSince' | 'whois'>;

/**
 * Finds the accounts that were created since a time, and groups those that look as if one person made them.
 * Deactivated accounts are left out.
 *
 * @param since milliseconds since 1970
 */
export async function findSignUps(users: SignUpsApi, since: number): Promise<SignUps> {
  const rows = await searchAccounts(users, { createdAfter: since });
  const newestFirst = rows.toSorted(
    (one, other) => (other.creationTs ?? 0) - (one.creationTs ?? 0),
  );
  const newest = newestFirst.slice(0, maxExamined);
  const examinedSince = secondAfter(newestFirst[maxExamined]);
  const looked = await sideBySide(newest, async ({ creationTs, ...row }) =>
    signUpOf(users, { ...row, createdAt: creationTs ?? 0 }),
  );
  const signUps = looked.map(({ signUp }) => signUp);
  const groups: ActiveGroup[] = [];
  for (const group of groupSignUps(signUps)) {
    const done = await sideBySide(group.members, async ({ name }) =>
      Promise.all([users.invitesSince(name, since), users.joinsSince(name, since)]),
    );
    groups.push({
      ...group,
      // A filter can't tell members from accounts of the same second that were not looked up.
      filter:
        examinedSince === undefined ||
        group.members.every(({ createdAt }) => createdAt >= examinedSince)
          ? group.filter
          : undefined,
      invites: done.reduce((sum, [invites]) => sum + invites, 0),
      joins: done.reduce((sum, [, joins]) => sum + joins, 0),
    });
  }
  return {
    total: rows.length,
    examined: newest.length,
    examinedSince: examinedSince ?? since,
    hidden: looked.filter(({ isHidden }) => isHidden).length,
    groups,
  };
}

/** Synapse stores only the second in which an account was created. */
function secondAfter(row: UserSummary | undefined): number | undefined {
  return row === undefined ? undefined : (Math.floor((row.creationTs ?? 0) / 1000) + 1) * 1000;
}

async function signUpOf(
  users: Pick<AdminApi['users'], 'find' | 'whois'>,
  { name, displayname, createdAt }: NewAccount,
): Promise<{ readonly signUp: SignUp; readonly isHidden: boolean }> {
  const [connections, account] = await Promise.all([users.whois(name), users.find(name)]);
  const ips = connections.map(({ ip }) => ip ?? '');
  const networks = distinct(ips.filter((ip) => !isInternal(ip)).map(networkOf));
  const emails = (account?.threepids ?? []).filter(({ medium }) => medium === 'email');
  const signUp = {
    name,
    displayname,
    createdAt,
    networks,
    emailDomains: distinct(emails.map(({ address }) => address.split('@').at(-1)?.toLowerCase())),
    userAgents: distinct(connections.map(({ userAgent }) => userAgent ?? undefined)),
  };
  return { signUp, isHidden: networks.length === 0 && ips.some(isInternal) };
}

function distinct(values: readonly (string | undefined)[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined && value !== ''))] as string[];
}

async function sideBySide<Value, Result>(
  values: readonly Value[],
  work: (value: Value) => Promise<Result>,
): Promise<Result[]> {
  const queue = new PQueue({ concurrency });
  return queue.addAll(values.map((value) => async () => work(value)));
}
