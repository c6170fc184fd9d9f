import { roles } from '../../chat/command/declaration.ts';
import type { Command, Role } from '../../chat/command/declaration.ts';
import { leastDangerOf, roleFor } from '../../chat/command/properties.ts';
import { DeniedError } from '../../core/errors.ts';
import { matchesGlob } from '../../core/glob.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { Account } from '../../services/services.ts';
import { at, ownServer } from '../at-homeserver.ts';
import type { AccountLookup, HomeserversContext } from '../at-homeserver.ts';
import type { Members } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import { passed } from '../stages.ts';
import type { Authorized, Parsed } from '../stages.ts';

export interface Roles {
  /** The role of a joined member of the management room; undefined for anybody else. */
  of(user: UserId): Role | undefined;
  /** The role that a command needs: the declared one, or the one that the configuration sets. */
  needed(command: string, byDeclaration: Role): Role;
  /**
   * Why automation and commands must not touch this account, such as `is a server admin`; undefined if they
   * may. What counts is what the account could do in the room, whether it is in the room or not.
   */
  protection(account: Pick<Account, 'name' | 'admin'>): string | undefined;
  /** Whether this is one of the bot's own accounts, which nobody may touch. */
  isBot(user: UserId): boolean;
}

export interface RoleSettings {
  readonly viewer: { readonly powerLevel: number; readonly users: readonly string[] };
  readonly moderator: { readonly powerLevel: number; readonly users: readonly string[] };
  readonly admin: { readonly powerLevel: number; readonly users: readonly string[] };
  /** The roles that commands need, if they differ from the declared ones. */
  readonly commands: Readonly<Record<string, Role>>;
}

/** What authorizing needs. */
export interface AuthorizeContext {
  readonly roles: Pick<Roles, 'needed' | 'of'>;
}

/**
 * Checks the role of whoever asks for this.
 *
 * @throws DeniedError their role is too low, or they have left the room
 */
export function authorize(context: AuthorizeContext, parsed: Parsed): Authorized {
  const { actor } = parsed.invocation;
  if (actor.kind === 'rule') {
    assertRuleMay(context, parsed);
    return passed<Authorized>({ ...parsed, role: 'moderator' });
  }
  if (actor.kind === 'timer') {
    // It undoes what the person who set it was allowed to do. Anything more harmful needs a role that they
    // have now.
    return passed<Authorized>({
      ...parsed,
      role: parsed.danger === 'change' ? 'moderator' : requireRole(context, parsed, actor.user),
    });
  }
  return passed<Authorized>({ ...parsed, role: requireRole(context, parsed, actor.user) });
}

/** @throws DeniedError the command is for admins, by its declaration or by the configuration */
function assertRuleMay(context: AuthorizeContext, { command, danger }: Parsed): void {
  const needed = context.roles.needed(command.name, roleFor(command, danger));
  if (danger === 'critical' || roles.indexOf(needed) > roles.indexOf('moderator')) {
    throw new DeniedError(`rules can’t run ${command.name}: it needs the role ${needed}`);
  }
}

/** @throws DeniedError this user may not use the command, whatever follows its name */
export function assertMayUse(context: AuthorizeContext, command: Command, user: UserId): void {
  requireRole(context, { command, danger: leastDangerOf(command) }, user);
}

/**
 * The role of a user who may do this. Checked again when a confirmation is confirmed.
 *
 * @throws DeniedError they may not
 */
export function requireRole(
  context: AuthorizeContext,
  parsed: Pick<Parsed, 'command' | 'danger' | 'parts'>,
  user: UserId,
): Role {
  const { command, danger, parts = [] } = parsed;
  parts.forEach((part) => requireRole(context, part, user));
  const needed = context.roles.needed(command.name, roleFor(command, danger));
  const role = context.roles.of(user);
  if (role === undefined) {
    throw new DeniedError(
      `only members of this room whose power level gives them a role can use ${command.name}`,
    );
  }
  if (roles.indexOf(role) < roles.indexOf(needed)) {
    throw new DeniedError(
      `you need to be ${article(needed)} to use ${command.name} (you are ${article(role)})`,
    );
  }
  return role;
}

function article(role: Role): string {
  return role === 'admin' ? 'an admin' : `a ${role}`;
}

/** Gives roles by the power level in the management room and by the configuration. */
export function createRoles(options: {
  settings: RoleSettings;
  members: Members;
  /** The bot's own accounts: one on each homeserver. */
  isBot(user: UserId): boolean;
  /** Globs of user IDs that must not be touched, such as `@*:example.com`. */
  protectedUsers: readonly string[];
}): Roles {
  const { settings, members, isBot, protectedUsers } = options;

  function roleOf(user: UserId): Role | undefined {
    return members.isJoined(user) ? roleOnceJoined(settings, members, user) : undefined;
  }

  return {
    of: roleOf,
    isBot,

    needed(command, byDeclaration) {
      return settings.commands[command] ?? byDeclaration;
    },

    protection(account) {
      if (isBot(account.name)) {
        return 'is this bot itself';
      }
      if (account.admin) {
        return 'is a server admin';
      }
      const level = members.protectedLevel(account.name);
      const isModerator = (['moderator', 'admin'] as const).some(
        (role) =>
          settings[role].users.includes(account.name) ||
          (level !== undefined && level >= settings[role].powerLevel),
      );
      if (isModerator) {
        return members.isJoined(account.name)
          ? 'is a moderator here'
          : 'would be a moderator here as soon as they join';
      }
      return protectedUsers.some((glob) => matchesGlob(glob, account.name))
        ? 'is protected by the configuration'
        : undefined;
    },
  };
}

/** What finding out whether a user is protected needs. */
export interface ProtectionContext extends HomeserversContext {
  readonly roles: Pick<Roles, 'isBot' | 'protection'>;
  readonly findAccount: AccountLookup['findAccount'];
}

/**
 * Looks up why a user, of these homeservers or another, is protected; undefined if they are not.
 *
 * @throws HomeserverError, UnreachableError this can't be found out now
 */
export async function protectionOf(
  context: ProtectionContext,
  user: UserId,
): Promise<string | undefined> {
  if (context.roles.isBot(user)) {
    // Also while its homeserver is away.
    return context.roles.protection({ name: user, admin: true });
  }
  const { findAccount, settings } = at(context, ownServer(context, user));
  const isLocal = serverNameOf(user) === settings.serverName;
  const account = isLocal ? await findAccount(user) : undefined;
  return context.roles.protection({ name: user, admin: account?.admin ?? false });
}

export const overrideAdvice =
  'Nothing was changed. A room admin can override this with `--override-protection`.';

/** The role that a user has, or would have after joining the room. */
export function roleOnceJoined(
  settings: RoleSettings,
  members: Pick<Members, 'powerLevel'>,
  user: UserId,
): Role | undefined {
  const level = members.powerLevel(user);
  return roles.findLast(
    (role) => settings[role].users.includes(user) || level >= settings[role].powerLevel,
  );
}

/** What finding the people of the management room needs. */
export interface RoomPeople {
  readonly members: Pick<Members, 'joined'>;
  readonly roles: Pick<Roles, 'of'>;
  readonly settings: Pick<Settings, 'botUser'>;
}

/** The joined members with the role admin, without the bot. */
export function joinedAdmins({ members, roles, settings }: RoomPeople): UserId[] {
  return members
    .joined()
    .filter((member) => member !== settings.botUser && roles.of(member) === 'admin');
}

/**
 * The people whom an alert about the bot's own work mentions: those on call, or the admins of the room if
 * nobody is. An alert that mentions nobody notifies nobody.
 */
export function alertedPeople(room: RoomPeople, onCall: readonly UserId[]): readonly UserId[] {
  return onCall.length > 0 ? onCall : joinedAdmins(room);
}
