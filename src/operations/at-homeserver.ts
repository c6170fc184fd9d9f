import type { Command } from '../chat/command/declaration.ts';
import type { Invocation } from '../chat/command/invocation.ts';
import { asksHomeserver, takesOn } from '../chat/command/on-homeserver.ts';
import {
  canChange,
  canChangeHomeserver,
  subjectOf,
  takesRemote,
} from '../chat/command/properties.ts';
import { TargetError, UnreachableError } from '../core/errors.ts';
import { serverNameOf } from '../core/ids.ts';
import type { RoomAlias, RoomId, UserId } from '../core/ids.ts';
import type { Account, Services } from '../services/services.ts';
import type { ReportItem } from '../store/tables/reports/report-items.ts';
import type { Settings } from './settings.ts';

/** Where accounts of one homeserver are looked up. */
export interface AccountLookup {
  /** @returns undefined if there is no such account */
  findAccount(user: UserId): Promise<Account | undefined>;
  /** Accounts with a similar name. */
  findSimilar(user: UserId): Promise<UserId[]>;
}

/** How the ID of a room is found by its alias. */
export interface AliasLookup {
  /** @throws TargetError there is no such room */
  resolveAlias(alias: RoomAlias): Promise<RoomId>;
}

/** What differs between stages that work on one homeserver and on another. */
export interface AtHomeserver extends AccountLookup, AliasLookup {
  readonly services: Services;
  /** With its server name and the bot's account there. */
  readonly settings: Settings;
}

/** What finding the homeserver of a command needs. */
export interface HomeserversContext {
  readonly settings: Pick<Settings, 'homeservers' | 'serverName' | 'unnamedServer'>;
  /**
   * What stages work with on one of several homeservers.
   *
   * @param how.forReading if it has not answered since the bot started, its requests fail instead
   * @throws UnreachableError it has not answered since the bot started
   * @throws TargetError it is not in the configuration, which may be newer than an operation
   */
  atHomeserver(serverName: string, how?: { readonly forReading?: boolean }): AtHomeserver;
}

/**
 * The same context for work on one of the homeservers.
 *
 * @param how.forReading what the bot itself keeps can be read although the homeserver has never answered
 * @throws UnreachableError it has not answered since the bot started
 * @throws TargetError it is not in the configuration
 */
export function at<Context extends HomeserversContext>(
  context: Context,
  serverName: string | undefined,
  how?: { readonly forReading?: boolean },
): Context {
  return serverName === undefined || serverName === context.settings.serverName
    ? context
    : { ...context, ...context.atHomeserver(serverName, how) };
}

/** The same as `at`; or why nothing can be done there. */
export function atOrWhyNot<Context extends HomeserversContext>(
  context: Context,
  serverName: string | undefined,
): Context | TargetError | UnreachableError {
  try {
    return at(context, serverName);
  } catch (error) {
    if (error instanceof TargetError || error instanceof UnreachableError) {
      return error;
    }
    throw error;
  }
}

/**
 * The server name of the homeserver that a command works on, for one of its accounts: the account's own. If it may be
 * about users of any server, what it says or the rooms that it names come first. Otherwise the one that is meant without
 * a name. Undefined if there is only one, and the command is about no other.
 *
 * @param user undefined if it acts on no account
 */
export function serverFor(
  { settings }: Pick<HomeserversContext, 'settings'>,
  { command, invocation }: { readonly command: Command; readonly invocation: Invocation },
  user?: UserId,
): string | undefined {
  const { on } = invocation;
  const { homeservers } = settings;
  const former = takesOn(command) ? formerFirst(settings) : undefined;
  if (homeservers.length < 2) {
    // When it was asked for, there may have been another one.
    return on ?? former;
  }
  const own = user === undefined ? undefined : ownServer({ settings: { homeservers } }, user);
  const wanted = !takesRemote(command)
    ? (own ?? on)
    : namesRoom(command, invocation.arguments)
      ? on
      : (on ?? own);
  return wanted ?? former ?? homeservers[0]?.serverName;
}

/** The homeserver that stored commands are about if they name none, if that is not the first any more. */
export function formerFirst({
  homeservers,
  unnamedServer,
}: Pick<Settings, 'homeservers' | 'unnamedServer'>): string | undefined {
  return unnamedServer === homeservers[0]?.serverName ? undefined : unnamedServer;
}

/**
 * What a new command says of its homeserver. The first is meant without its name; but if stored commands without a name
 * are about another one, the new one has to say it.
 *
 * @param on as it was read
 */
export function onOfNew(
  { settings }: { readonly settings: Pick<Settings, 'homeservers' | 'unnamedServer'> },
  { command, values }: Pick<AboutHomeserver, 'command' | 'values'>,
  on: string | undefined,
): string | undefined {
  if (on !== undefined || formerFirst(settings) === undefined || !takesOn(command)) {
    return on;
  }
  const users = [values[subjectOf(command) ?? '']].flat() as readonly (UserId | undefined)[];
  // Then the users say it, wherever their rooms are.
  const isSaid =
    takesRemote(command) &&
    !namesRoom(command, values) &&
    users.some((user) => user !== undefined && ownServer({ settings }, user) !== undefined);
  return isSaid ? undefined : settings.homeservers[0]?.serverName;
}

/** A command as it was read, and what it says of its homeserver. */
interface AboutHomeserver {
  readonly command: Command;
  readonly values: Readonly<Record<string, unknown>>;
  readonly on: string | undefined;
}

/** Whether a command names a room, and not only stands for some. */
export function namesRoom(
  { args }: Pick<Command, 'args'>,
  values: Readonly<Record<string, unknown>>,
): boolean {
  return Object.entries(args).some(
    ([key, { kind }]) => kind === 'room' && [values[key] ?? []].flat().length > 0,
  );
}

/** The rooms that a command names, and those of the messages that it names. */
export function roomsNamed(
  { args }: Pick<Command, 'args'>,
  values: Readonly<Record<string, unknown>>,
): readonly string[] {
  return Object.entries(args).flatMap(([key, { kind }]) =>
    ([values[key] ?? []].flat() as readonly unknown[])
      .map((value) => (kind === 'room' ? value : kind === 'event' ? roomIn(value) : undefined))
      .filter((room) => typeof room === 'string'),
  );
}

const roomIn = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'room' in value ? value.room : undefined;

/**
 * The server name of the homeserver, of several, that keeps a user's account or an alias, or that made a room; undefined
 * for those of other servers.
 */
export function ownServer(
  { settings: { homeservers } }: { readonly settings: Pick<Settings, 'homeservers'> },
  id: UserId | RoomAlias | RoomId | undefined,
): string | undefined {
  const server = id && serverNameOf(id);
  return homeservers.length > 1 && homeservers.some(({ serverName }) => serverName === server)
    ? server
    : undefined;
}

/** Whether a user has an account on one of the homeservers. */
export function isOurs(
  { settings: { homeservers } }: { readonly settings: Pick<Settings, 'homeservers'> },
  user: UserId,
): boolean {
  const server = serverNameOf(user);
  return homeservers.some(({ serverName }) => serverName === server);
}

/** The homeserver, of several, that has the newest report of an item; undefined if it is not one of ours any more. */
export function serverOfItem(
  { settings: { homeservers } }: { readonly settings: Pick<Settings, 'homeservers'> },
  { server }: Pick<ReportItem, 'server'>,
): string | undefined {
  return homeservers.length > 1 && homeservers.some(({ serverName }) => serverName === server)
    ? server
    : undefined;
}

/**
 * What a command that was read about an item says of its homeserver: what the command says itself; or else the
 * homeserver of the item, unless the command acts on an account of another one by itself, without naming a room.
 */
export function onAboutItem(
  context: { readonly settings: Pick<Settings, 'homeservers'> },
  { command, values, on }: AboutHomeserver,
  item: Pick<ReportItem, 'server'>,
): string | undefined {
  const server = serverOfItem(context, item);
  if (on !== undefined || server === undefined || !asksHomeserver(command)) {
    return on;
  }
  if (takesRemote(command) && namesRoom(command, values)) {
    return server;
  }
  const users = [values[subjectOf(command) ?? '']].flat() as readonly (UserId | undefined)[];
  return users.some((user) => user !== undefined && isOurs(context, user)) ? undefined : server;
}

/** Whether the accounts that a command acts on say by their IDs on which homeserver it does what it does. */
export function isSaidByAccounts(
  command: Command,
  values: Readonly<Record<string, unknown>>,
): boolean {
  const accounts = [values[subjectOf(command) ?? ''] ?? []].flat();
  return accounts.length > 0 && !takesRemote(command);
}

/**
 * The server name of the homeserver on which a command does what it does, if people should read it. Undefined if there is
 * only one, if the accounts that it acts on say it by their IDs, or if it changes only what the bot keeps.
 */
export function whereShown(
  context: Pick<HomeserversContext, 'settings'>,
  parsed: { readonly command: Command; readonly invocation: Invocation },
): string | undefined {
  const { command } = parsed;
  const isSaid = isSaidByAccounts(command, parsed.invocation.arguments);
  const isOnlyNoted = canChange(command) && !canChangeHomeserver(command);
  return isSaid || isOnlyNoted || !asksHomeserver(command) ? undefined : serverFor(context, parsed);
}
