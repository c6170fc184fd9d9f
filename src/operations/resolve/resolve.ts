import { identitiesOf, protectsFor } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { ProtectedError, TargetError } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { Account } from '../../services/services.ts';
import type { Roles } from '../authorize/authorize.ts';
import { narrow } from '../confirm/preview.ts';
import type { Settings } from '../settings.ts';
import { passed, targetsOf } from '../stages.ts';
import type { Authorized, LeftOut, Resolved } from '../stages.ts';
import { absentIn, accountsMeant } from './absent.ts';
import type { AbsentContext, AccountLookup } from './absent.ts';
import { findAccounts } from './find-accounts.ts';
import type { FindContext } from './find-accounts.ts';
import { assertMediaMayBeTouched } from './media-owner.ts';
import type { MediaOwnerContext } from './media-owner.ts';
import { assertRoomsInReach, canNameRoom } from './reserved-rooms.ts';
import type { ReservedRoomsContext } from './reserved-rooms.ts';

interface ProtectContext {
  readonly roles: Pick<Roles, 'protection'>;
  readonly settings: Pick<Settings, 'botUser'>;
}

/** What resolving needs. */
export type ResolveContext = ProtectContext &
  FindContext &
  AbsentContext &
  MediaOwnerContext &
  ReservedRoomsContext;

/**
 * Looks up the accounts that a command acts on, all of them before anything is done to one, and keeps the
 * command away from protected users in every argument: accounts that it changes, creates, or acts as.
 * Of several accounts, the protected ones are left out.
 *
 * @throws TargetError an account is unknown or on another server
 * @throws ProtectedError all the accounts are protected, or a room is out of reach
 */
export async function resolve(context: ResolveContext, asked: Authorized): Promise<Resolved> {
  const kinds = Object.values(asked.command.args).map(({ kind }) => kind);
  if (kinds.some(canNameRoom)) {
    await assertRoomsInReach(context, asked);
  }
  const { authorized, accounts: found } = await findAccounts(context, asked);
  const { command, danger, invocation } = authorized;
  const users = targetsOf(authorized);
  const accounts: Account[] = [];
  for (const user of users) {
    accounts.push(
      await resolveAccount(context, user, found.get(user), {
        mayBeProse: users.length > 1 && authorized.plainWords?.has(user) === true,
        unchanged: danger === 'read' ? [] : ['Nothing was changed.'],
        where: whereIn(authorized, users, found, user),
      }),
    );
  }
  const leftOut: LeftOut[] = [];
  for (const account of accounts) {
    try {
      assertMayBeTouched(context, authorized, account);
    } catch (error) {
      // The others go on, if there are any.
      if (!(error instanceof ProtectedError) || leftOut.length + 1 === accounts.length) {
        throw error;
      }
      leftOut.push({ user: account.name, why: error.message.replace(`${account.name} `, '') });
    }
  }
  for (const key of identitiesOf(command)) {
    const named = invocation.arguments[key];
    for (const user of (named === undefined ? [] : [named].flat()) as UserId[]) {
      const isLocal = serverNameOf(user) === context.settings.serverName;
      const account = isLocal ? await context.findAccount(user) : undefined;
      assertUnprotected(context, authorized, { name: user, admin: account?.admin ?? false });
    }
  }
  if (danger !== 'read' && kinds.includes('media')) {
    const protects = protectsFor(command, invocation.arguments);
    await assertMediaMayBeTouched(context, authorized, protects);
  }
  const resolved = passed<Resolved>({
    ...authorized,
    accounts,
    leftOut,
    absent: danger === 'read' ? await absentIn(context, authorized) : [],
  });
  const left = new Set(leftOut.map(({ user }) => user));
  return left.size === 0
    ? resolved
    : narrow(
        resolved,
        accounts.filter(({ name }) => !left.has(name)),
        leftOut,
      );
}

/**
 * Looks up one of many accounts that a command acts on, just before something is done to it.
 *
 * @returns the account, or why nothing is done to it
 * @throws UnreachableError the homeserver does not answer
 */
export async function resolveOne(
  context: ProtectContext & AccountLookup & { readonly settings: Pick<Settings, 'serverName'> },
  authorized: Pick<Authorized, 'command' | 'invocation'>,
  user: UserId,
): Promise<Account | LeftOut> {
  if (serverNameOf(user) !== context.settings.serverName) {
    return { user, why: 'is on another server' };
  }
  const account = await context.findAccount(user);
  if (account === undefined) {
    return { user, why: 'does not exist any more' };
  }
  const why = whyUntouchable(context, authorized, account);
  return why === undefined ? account : { user, why };
}

/** Why the command must keep off this account, as the rest of a sentence; undefined if it need not. */
export function whyUntouchable(
  context: ProtectContext,
  authorized: Pick<Authorized, 'command' | 'invocation'>,
  account: Account,
): string | undefined {
  try {
    assertMayBeTouched(context, authorized, account);
    return undefined;
  } catch (error) {
    if (!(error instanceof ProtectedError)) {
      throw error;
    }
    return error.message.replace(`${account.name} `, '');
  }
}

/** @throws ProtectedError the command must keep off this account */
function assertMayBeTouched(
  context: ProtectContext,
  authorized: Pick<Authorized, 'command' | 'invocation'>,
  account: Account,
): void {
  const { command, invocation } = authorized;
  const protects = protectsFor(command, invocation.arguments);
  if (protects !== false && !(protects === 'others' && isOwn(context, authorized, account))) {
    assertUnprotected(
      context,
      authorized,
      protects === 'all_but_admins' ? { ...account, admin: false } : account,
    );
  }
}

/** Whether this is the account of the person who asks, or the bot's. */
function isOwn(
  context: ProtectContext,
  { invocation: { actor } }: Pick<Authorized, 'invocation'>,
  { name }: Account,
): boolean {
  return name === context.settings.botUser || (actor.kind === 'person' && name === actor.user);
}

/** @throws ProtectedError this user is protected, and the protection is not or can't be overridden */
function assertUnprotected(
  context: ProtectContext,
  { invocation }: Pick<Authorized, 'invocation'>,
  account: Pick<Account, 'name' | 'admin'>,
): void {
  const protection = context.roles.protection(account);
  const isItself = account.name === context.settings.botUser;
  // A timer undoes what was allowed when it was set.
  const isAllowed = invocation.overrideProtection === true || invocation.actor.kind === 'timer';
  if (protection !== undefined && (isItself || !isAllowed)) {
    throw new ProtectedError(
      `${account.name} ${protection}`,
      isItself
        ? 'Nothing was changed.'
        : 'Nothing was changed. A room admin can override this with `--override-protection`.',
    );
  }
}

/** At most this many further lines are named. */
const maxLinesNamed = 10;

/** ` (line 3 of the file; also lines 17, 20)`: what else is not there saves further tries. */
function whereIn(
  { fileLines }: Pick<Authorized, 'fileLines'>,
  users: readonly UserId[],
  found: ReadonlyMap<UserId, Account>,
  user: UserId,
): () => string {
  return () => {
    const line = fileLines?.get(user);
    if (line === undefined) {
      return '';
    }
    const others = users.flatMap((one) =>
      one === user || found.has(one) ? [] : (fileLines?.get(one) ?? []),
    );
    const more = others.length > maxLinesNamed ? ' …' : '';
    return others.length === 0
      ? ` (line ${line} of the file)`
      : ` (line ${line} of the file; the same is true of lines ${others.slice(0, maxLinesNamed).join(', ')}${more})`;
  };
}

async function resolveAccount(
  context: AccountLookup & { readonly settings: Pick<Settings, 'prefix' | 'serverName'> },
  user: UserId,
  account: Account | undefined,
  how: {
    readonly mayBeProse: boolean;
    /** `Nothing was changed.`, or empty if the command changes nothing anyway. */
    readonly unchanged: readonly string[];
    /** Where it is named, if that is in a file. */
    readonly where: () => string;
  },
): Promise<Account> {
  const { serverName } = context.settings;
  if (serverNameOf(user) !== serverName) {
    const meant = await accountsMeant(context, user);
    const advice =
      meant.length === 0
        ? [`This only works for ${serverName} accounts.`]
        : [`Did you mean ${idWords(meant)}?`, ...how.unchanged];
    throw new TargetError(
      'remote_user',
      `${user}${how.where()} is on another server`,
      advice.join(' '),
    );
  }
  if (account === undefined) {
    const similar = await accountsMeant(context, user);
    const guess = similar.length === 0 ? [] : [`Did you mean ${idWords(similar)}?`];
    const advice = how.mayBeProse
      ? [...guess, 'If it is part of the reason, write `--reason "…"`.', ...how.unchanged]
      : guess.length > 0
        ? [...guess, ...how.unchanged]
        : [...how.unchanged, `Search with \`${context.settings.prefix}users --name …\`.`];
    throw new TargetError(
      'unknown_user',
      `there is no account ${user}${how.where()}`,
      advice.join(' '),
    );
  }
  return account;
}

/** `@one:example.com or @other:example.com`, each as code. */
function idWords(users: readonly UserId[]): string {
  return users.map((user) => `\`${idWord(user)}\``).join(' or ');
}
