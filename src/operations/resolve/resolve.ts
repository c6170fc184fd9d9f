import { count } from '../../chat/answers/phrases.ts';
import type { LeftOut } from '../../chat/command/invocation.ts';
import { identitiesOf, protectsFor } from '../../chat/command/properties.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { undoneBy } from '../../chat/reading/entry-number.ts';
import { idWord } from '../../chat/reading/values.ts';
import { ProtectedError, TargetError } from '../../core/errors.ts';
import { localpartOf, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { Account } from '../../services/services.ts';
import { at, ownServer, serverFor } from '../at-homeserver.ts';
import type { AccountLookup, HomeserversContext } from '../at-homeserver.ts';
import { overrideAdvice, protectionOf } from '../authorize/authorize.ts';
import type { Roles } from '../authorize/authorize.ts';
import type { Settings } from '../settings.ts';
import { narrow, passed, targetsOf } from '../stages.ts';
import type { Authorized, Parsed, Resolved } from '../stages.ts';
import { absentIn, accountsMeant } from './absent.ts';
import type { AbsentContext } from './absent.ts';
import {
  findAccounts,
  isRemoteTarget,
  lookUpTargets,
  remoteAccount,
  serversOf,
} from './find-accounts.ts';
import type { FindContext } from './find-accounts.ts';
import { assertMediaMayBeTouched } from './media-owner.ts';
import type { MediaOwnerContext } from './media-owner.ts';
import { nothingToDo } from './nothing-to-do.ts';
import { assertRoomsInReach, canNameRoom } from './reserved-rooms.ts';
import type { ReservedRoomsContext } from './reserved-rooms.ts';
import { spelledOut } from './spelled-out.ts';
import type { SpellOutContext } from './spelled-out.ts';

interface ProtectContext {
  readonly roles: Pick<Roles, 'isBot' | 'protection'>;
}

type PrefixedContext = ProtectContext & { readonly settings: Pick<Settings, 'prefix'> };

/** What resolving needs. */
export type ResolveContext = ProtectContext &
  FindContext &
  AbsentContext &
  MediaOwnerContext &
  ReservedRoomsContext &
  SpellOutContext;

/**
 * Looks up the accounts that a command acts on, all of them before anything is done to one, and keeps the
 * command away from protected users in every argument: accounts that it changes, creates, or acts as.
 * Of several accounts, the protected ones are left out.
 *
 * @throws TargetError an account is unknown or on another server, or the command can't work here
 * @throws ProtectedError all the accounts are protected, or a room is out of reach
 */
export async function resolve(context: ResolveContext, asked: Authorized): Promise<Resolved> {
  if (asked.parts !== undefined) {
    return resolveParts(context, asked);
  }
  assertNotBot(context, asked);
  const how = { forReading: asked.danger === 'read' };
  const here = at(context, serverFor(context, asked), how);
  serversOf(context, asked).forEach((server) => assertPossible(at(context, server, how), asked));
  await assertRooms(here, asked);
  const { authorized: named, accounts: found } = await findAccounts(context, asked);
  const { authorized, leftOut: roomsLeftOut } = await spelledOut(context, named);
  if (authorized !== named) {
    await assertRooms(here, authorized);
  }
  const { danger } = authorized;
  const users = targetsOf(authorized);
  const contextOf = (user: UserId) => at(context, serverFor(context, authorized, user));
  const accounts: Account[] = [];
  for (const user of users) {
    accounts.push(
      await resolveAccount(contextOf(user), user, found.get(user), {
        onWord: adviceOnWord(authorized, user, users.length === 1),
        unchanged: danger === 'read' ? [] : ['Nothing was changed.'],
        where: whereIn(authorized, users, found, user),
      }),
    );
  }
  const untouchable = accounts.flatMap((account) => {
    const why = whyUntouchable(contextOf(account.name), authorized, account);
    return why === undefined ? [] : [{ user: account.name, why }];
  });
  const last = untouchable.at(-1);
  if (last !== undefined && untouchable.length === accounts.length) {
    throw protectedError(contextOf(last.user), authorized, last.user, last.why);
  }
  const leftOut: readonly LeftOut[] = [...untouchable, ...roomsLeftOut];
  await assertOthers(here, authorized);
  const resolved = passed<Resolved>({
    ...authorized,
    accounts,
    leftOut,
    absent: danger === 'read' ? await absentIn(here, authorized) : [],
  });
  const left = new Set(untouchable.map(({ user }) => user));
  return left.size === 0
    ? resolved
    : narrow(
        resolved,
        accounts.filter(({ name }) => !left.has(name)),
        leftOut,
      );
}

/**
 * The bot's own accounts are kept away from while their homeserver is away, too.
 *
 * @throws ProtectedError a command is about one of them alone
 */
function assertNotBot(context: PrefixedContext, asked: Authorized): void {
  const [user, another] = targetsOf(asked);
  if (user === undefined || another !== undefined || !context.roles.isBot(user)) {
    return;
  }
  const why = whyUntouchable(context, asked, { name: user, admin: true });
  if (why !== undefined) {
    throw protectedError(context, asked, user, why);
  }
}

/** Looks up the accounts of an undo. What can't be taken back now is left out. */
async function resolveParts(context: ResolveContext, asked: Authorized): Promise<Resolved> {
  const { parts = [], staying } = asked;
  const { reversals = [] } = asked.invocation;
  const found = await lookUpTargets(context, parts);
  const leftOut = [...(staying?.leftOut ?? [])];
  const kept: number[] = [];
  for (const [index, part] of parts.entries()) {
    const [user] = targetsOf(part);
    const there = at(context, serverFor(context, part, user));
    const why = await whyNotPart(there, part, user && found.get(user));
    if (why === undefined) {
      kept.push(index);
    } else {
      leftOut.push({ user: user ?? part.command.name, why });
    }
  }
  if (kept.length === 0) {
    throw new TargetError(
      'state',
      'nothing of this can be taken back any more',
      leftOut
        .slice(0, maxPartsNamed)
        .map(({ user, why }) => `${user} ${why}.`)
        .join(' '),
    );
  }
  const left = new Set(kept);
  return passed<Resolved>({
    ...asked,
    invocation: { ...asked.invocation, reversals: reversals.filter((_, at) => left.has(at)) },
    parts: parts.filter((_, at) => left.has(at)),
    accounts: [...found.values()],
    leftOut,
    absent: [],
  });
}

/** At most this many are named in an error. */
const maxPartsNamed = 5;

/** Why a part of an undo is left out, as the rest of a sentence; undefined if it is not. */
async function whyNotPart(
  context: ResolveContext,
  part: Parsed,
  account: Account | undefined,
): Promise<string | undefined> {
  const [user] = targetsOf(part);
  if (user !== undefined && account === undefined) {
    return 'does not exist any more';
  }
  const why =
    account &&
    (whyUntouchable(context, part, account) ??
      nothingToDo(part.command, account, part.invocation.arguments));
  return why ?? whyOutOfReach(context, part);
}

/**
 * Why a command can't be carried out because of the rooms, files or other users that it names, besides the accounts
 * that it acts on.
 *
 * @throws HomeserverError, UnreachableError this can't be found out now
 */
export async function whyOutOfReach(
  context: ResolveContext,
  parsed: Pick<Parsed, 'command' | 'danger' | 'invocation'>,
): Promise<string | undefined> {
  try {
    await assertRooms(context, parsed);
    await assertOthers(context, parsed);
    return undefined;
  } catch (error) {
    if (error instanceof ProtectedError || error instanceof TargetError) {
      return `was left alone: ${error.message}`;
    }
    throw error;
  }
}

/** @throws ProtectedError a room is out of reach */
async function assertRooms(
  context: ReservedRoomsContext,
  parsed: Pick<Parsed, 'command' | 'danger' | 'invocation'>,
): Promise<void> {
  if (Object.values(parsed.command.args).some(({ kind }) => canNameRoom(kind))) {
    await assertRoomsInReach(context, parsed);
  }
}

/** @throws ProtectedError, TargetError a file, or a user whom the command makes or acts as, is protected */
async function assertOthers(
  context: ResolveContext,
  parsed: Pick<Parsed, 'command' | 'danger' | 'invocation'>,
): Promise<void> {
  const { command, danger, invocation } = parsed;
  for (const key of identitiesOf(command)) {
    const named = invocation.arguments[key];
    for (const user of (named === undefined ? [] : [named].flat()) as UserId[]) {
      const protection = await protectionOf(context, user);
      if (protection !== undefined && !isOverridden(context, parsed, user)) {
        throw protectedError(context, parsed, user, protection);
      }
    }
  }
  if (danger !== 'read' && Object.values(command.args).some(({ kind }) => kind === 'media')) {
    await assertMediaMayBeTouched(context, parsed, protectsFor(command, invocation.arguments));
  }
}

/** @throws TargetError the command can't have an effect on this homeserver */
function assertPossible({ services, settings }: ResolveContext, { command }: Authorized): void {
  const { homeservers, serverName } = settings;
  const impossible = command.impossible?.(services.accounts.traits);
  if (impossible !== undefined) {
    const where = homeservers.length < 2 ? '' : ` (${serverName})`;
    throw new TargetError('state', `${impossible.why}${where}`, impossible.advice);
  }
}

/**
 * Looks up one of many accounts that a command acts on, just before something is done to it.
 *
 * @returns the account, or why nothing is done to it
 * @throws UnreachableError the homeserver does not answer
 */
export async function resolveOne(
  context: PrefixedContext & AccountLookup & HomeserversContext,
  authorized: Pick<Authorized, 'command' | 'invocation'>,
  user: UserId,
): Promise<Account | LeftOut> {
  const isRemote = isRemoteTarget(context, authorized.command, user);
  if (serverNameOf(user) !== context.settings.serverName && !isRemote) {
    return { user, why: 'is on another server' };
  }
  const server = isRemote ? ownServer(context, user) : context.settings.serverName;
  const found = server === undefined ? undefined : await at(context, server).findAccount(user);
  const account = isRemote ? remoteAccount(user, found) : found;
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
  account: Pick<Account, 'admin' | 'name'>,
): string | undefined {
  const { command, invocation } = authorized;
  const protects = protectsFor(command, invocation.arguments);
  if (
    protects === false ||
    (protects === 'others' && isOwn(context, authorized, account)) ||
    isOverridden(context, authorized, account.name)
  ) {
    return undefined;
  }
  const { name, admin } = account;
  return context.roles.protection({ name, admin: admin && protects !== 'all_but_admins' });
}

/** Whether this is the account of the person who asks, or the bot's. */
function isOwn(
  context: ProtectContext,
  { invocation: { actor } }: Pick<Authorized, 'invocation'>,
  { name }: Pick<Account, 'name'>,
): boolean {
  return context.roles.isBot(name) || (actor.kind === 'person' && name === actor.user);
}

/** Whether a user may be touched although they are protected. The bot itself never may. */
function isOverridden(
  { roles }: ProtectContext,
  { invocation }: Pick<Authorized, 'invocation'>,
  user: UserId,
): boolean {
  // A timer undoes what was allowed when it was set.
  const isAllowed = invocation.overrideProtection === true || invocation.actor.kind === 'timer';
  return isAllowed && !roles.isBot(user);
}

function protectedError(
  { roles, settings: { prefix } }: PrefixedContext,
  { command, invocation }: Pick<Authorized, 'command' | 'invocation'>,
  user: UserId,
  protection: string,
): ProtectedError {
  const isUndo = undoneBy(invocation.reason ?? null) !== undefined;
  const line = () => writeInvocation(command, { ...invocation, overrideProtection: true });
  return new ProtectedError(
    `${user} ${protection}`,
    roles.isBot(user) || command.alwaysProtects === true
      ? 'Nothing was changed.'
      : isUndo
        ? // `undo` itself takes no such flag.
          `Nothing was changed. A room admin can override this: \`${prefix}${line()}\``
        : overrideAdvice,
  );
}

/** At most this many other missing accounts are named. */
const maxMissingNamed = 10;

/** ` (line 3 of the file; the same is true of @a:example.com in line 17)`: so that one correction is enough. */
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
    const missing = users.flatMap((name) => {
      const at = fileLines?.get(name);
      // An account of another server is refused for another reason.
      const isAlike = serverNameOf(name) === serverNameOf(user) && !found.has(name);
      return name === user || at === undefined || !isAlike ? [] : [`${name} in line ${at}`];
    });
    const named = missing.slice(0, maxMissingNamed).join(', ');
    const more = missing.length - maxMissingNamed;
    return missing.length === 0
      ? ` (line ${line} of the file)`
      : ` (line ${line} of the file; the same is true of ${named}${more > 0 ? `, and ${more.toLocaleString('en-US')} more` : ''})`;
  };
}

/** Words that join names in a sentence, and that a line doesn't need. */
const joiningWords = new Set(['and', 'or']);

/** What to do about a word that is not an account, if it may not have been meant as one. */
function adviceOnWord(
  { fileLines, plainWords }: Pick<Authorized, 'fileLines' | 'plainWords'>,
  user: UserId,
  isAlone: boolean,
): string[] {
  const word = localpartOf(user);
  if (fileLines?.get(user) === 1) {
    return [
      'If line 1 holds the names of columns, call the one with the users `user_id`, or remove the line.',
    ];
  }
  if (isAlone || plainWords?.has(user) !== true) {
    return [];
  }
  return [
    joiningWords.has(word)
      ? `Leave out “${word}”: blanks between the users are enough.`
      : 'If it is part of the reason, write `--reason "…"`.',
  ];
}

async function resolveAccount(
  context: AccountLookup & {
    readonly settings: Pick<Settings, 'homeservers' | 'prefix' | 'serverName'>;
  },
  user: UserId,
  account: Account | undefined,
  how: {
    /** What to do if the word was not meant as a user. */
    readonly onWord: readonly string[];
    /** `Nothing was changed.`, or empty if the command changes nothing anyway. */
    readonly unchanged: readonly string[];
    /** Where it is named, if that is in a file. */
    readonly where: () => string;
  },
): Promise<Account> {
  const { serverName, homeservers } = context.settings;
  if (account === undefined && serverNameOf(user) !== serverName) {
    const meant = await accountsMeant(context, user);
    const advice =
      meant.length === 0
        ? [
            homeservers.length < 2
              ? `This only works for ${serverName} accounts.`
              : `This only works for accounts of the ${count(homeservers.length, 'homeserver')} that \`${context.settings.prefix}status\` lists.`,
            ...(how.unchanged.length > 0
              ? []
              : [
                  `For what I know about others, see \`${context.settings.prefix}history ${idWord(user)}\`.`,
                ]),
          ]
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
    const advice =
      how.onWord.length > 0
        ? [...guess, ...how.onWord, ...how.unchanged]
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
