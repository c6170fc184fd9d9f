import PQueue from 'p-queue';

import type { Command } from '../../chat/command/declaration.ts';
import { subjectOf, takesRemote } from '../../chat/command/properties.ts';
import { TargetError } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { Account, Services } from '../../services/services.ts';
import { at, ownServer, serverFor } from '../at-homeserver.ts';
import type { AccountLookup, HomeserversContext } from '../at-homeserver.ts';
import { maxShown } from '../confirm/left-out.ts';
import type { Settings } from '../settings.ts';
import { passed, targetsOf } from '../stages.ts';
import type { Authorized, Parsed } from '../stages.ts';

/** How many accounts are looked up at the same time. */
const concurrency = 8;
/** One command acts on at most this many accounts. */
const maxAccounts = 10_000;

/** What finding the accounts of a command needs. */
export type FindContext = Pick<AccountLookup, 'findAccount'> &
  HomeserversContext & {
    readonly services: {
      readonly accounts: Pick<
        Services['accounts'],
        'fromList' | 'search' | 'traits' | 'withServices'
      >;
    };
    readonly settings: Pick<Settings, 'serverName'>;
  };

/** A command that names all its accounts, and what is known of those of this server. */
export interface Found {
  readonly authorized: Authorized;
  readonly accounts: ReadonlyMap<UserId, Account>;
}

/**
 * Looks up the accounts that a command names, and those that match its filters: from here on the command
 * names these, too, and nothing is searched for again.
 *
 * @throws TargetError nothing matches, or there are too many accounts
 */
export async function findAccounts(context: FindContext, authorized: Authorized): Promise<Found> {
  const named = targetsOf(authorized);
  assertNotTooMany(named.length);
  const { matching, ...rest } = authorized;
  const subject = subjectOf(authorized.command);
  const lookUpNamed = async () => lookUpTargets(context, [authorized]);
  if (matching === undefined || subject === undefined) {
    return { authorized, accounts: await lookUpNamed() };
  }
  const there = at(context, serverFor(context, authorized));
  const matched = await there.services.accounts.search(matching);
  if (matched.length === 0) {
    throw new TargetError(
      'unknown',
      'no account matches these filters',
      'Nothing was changed. Deactivated accounts are left out unless you add `--deactivated`.',
    );
  }
  assertNotTooMany(matched.length);
  const isNamed = new Set(named);
  const others = matched.filter(({ name }) => !isNamed.has(name));
  const users = [...named, ...others.map(({ name }) => name)];
  assertNotTooMany(users.length);
  const accounts = await lookUpNamed();
  const known =
    users.length > maxShown
      ? await there.services.accounts.withServices(others)
      : // Few are shown with all that is known of them.
        [
          ...(
            await lookUpAll(
              there,
              others.map(({ name }) => name),
            )
          ).values(),
        ];
  known.forEach((account) => accounts.set(account.name, account));
  const { invocation } = authorized;
  return {
    authorized: passed<Authorized>({
      ...rest,
      invocation: {
        ...invocation,
        arguments: { ...invocation.arguments, [subject]: users },
      },
    }),
    accounts,
  };
}

/**
 * The accounts that commands name, each on its homeserver. Users of other servers, for commands that act on them, are
 * there with their names alone.
 */
export async function lookUpTargets(
  context: FindContext,
  commands: readonly Pick<Parsed, 'command' | 'invocation'>[],
): Promise<Map<UserId, Account>> {
  const named = commands.flatMap((parsed) =>
    targetsOf(parsed).map((user) => ({
      user,
      command: parsed.command,
      server: serverFor(context, parsed, user),
    })),
  );
  const found = await Promise.all(
    [...Map.groupBy(named, ({ server }) => server)].map(async ([server, targets]) => {
      const there = at(context, server);
      const accounts = await lookUpAll(
        there,
        targets.map(({ user }) => user),
      );
      const remote = targets
        .filter(({ command, user }) => isRemoteTarget(there, command, user))
        .map(({ user }) => user);
      const elsewhere = await lookUpElsewhere(context, remote);
      return [
        ...accounts,
        ...remote.map((user) => [user, remoteAccount(user, elsewhere.get(user))] as const),
      ];
    }),
  );
  return new Map(found.flat());
}

/** The accounts that another homeserver of ours has, among users of other servers. */
async function lookUpElsewhere(
  context: FindContext,
  users: readonly UserId[],
): Promise<Map<UserId, Account>> {
  const byServer = Map.groupBy(users, (user) => ownServer(context, user));
  byServer.delete(undefined);
  const found = await Promise.all(
    [...byServer].map(async ([server, own]) => [...(await lookUpAll(at(context, server), own))]),
  );
  return new Map(found.flat());
}

/** The homeservers that a command is carried out on. */
export function serversOf(
  context: Pick<HomeserversContext, 'settings'>,
  parsed: Pick<Parsed, 'command' | 'invocation'>,
): (string | undefined)[] {
  const users = targetsOf(parsed);
  return users.length === 0
    ? [serverFor(context, parsed)]
    : [...new Set(users.map((user) => serverFor(context, parsed, user)))];
}

/** Whether this is a user of another server, for a command that acts on them, too. */
export function isRemoteTarget(
  { settings }: { readonly settings: Pick<Settings, 'serverName'> },
  command: Command,
  user: UserId,
): boolean {
  return takesRemote(command) && serverNameOf(user) !== settings.serverName;
}

/**
 * A user of another server, of whom this one knows no account.
 *
 * @param elsewhere their account on another homeserver of ours: its admins are protected here, too
 */
export function remoteAccount(name: UserId, elsewhere?: Pick<Account, 'admin'>): Account {
  return {
    name,
    displayname: null,
    avatarUrl: null,
    admin: elsewhere?.admin ?? false,
    deactivated: false,
    erased: false,
    locked: false,
    shadowBanned: false,
    suspended: false,
    isGuest: false,
    approved: undefined,
    userType: null,
    lastSeenTs: null,
    appserviceId: null,
    creationTs: null,
    consentVersion: null,
    consentTs: null,
    threepids: [],
    externalIds: [],
  };
}

function assertNotTooMany(found: number): void {
  if (found > maxAccounts) {
    throw new TargetError(
      'state',
      `these are ${found.toLocaleString('en-US')} accounts; one command can act on up to ${maxAccounts.toLocaleString('en-US')}`,
      'Nothing was changed. Use narrower filters, or several files.',
    );
  }
}

/**
 * The accounts of this server among these users. Many are read from the list of all accounts, if that takes
 * less time; those that the list does not show are looked up one by one, side by side.
 */
async function lookUpAll(
  context: FindContext,
  users: readonly UserId[],
): Promise<ReadonlyMap<UserId, Account>> {
  const local = [...new Set(users)].filter(
    (user) => serverNameOf(user) === context.settings.serverName,
  );
  const { accounts } = context.services;
  const listed = await accounts.fromList(local);
  const found = new Map<UserId, Account>(
    listed === undefined
      ? []
      : (await accounts.withServices([...listed.values()])).map((one) => [one.name, one]),
  );
  const queue = new PQueue({ concurrency });
  await queue.addAll(
    local
      .filter((user) => !found.has(user))
      .map((user) => async () => {
        const account = await context.findAccount(user);
        if (account !== undefined) {
          found.set(user, account);
        }
      }),
  );
  return found;
}
