import { roles } from '../../chat/command/declaration.ts';
import type { Role } from '../../chat/command/declaration.ts';
import { matchesGlob } from '../../core/glob.ts';
import type { UserId } from '../../core/ids.ts';
import type { Members, Roles } from '../house.ts';

export interface RoleSettings {
  readonly viewer: { readonly powerLevel: number; readonly users: readonly string[] };
  readonly moderator: { readonly powerLevel: number; readonly users: readonly string[] };
  readonly admin: { readonly powerLevel: number; readonly users: readonly string[] };
  /** The role that a command needs, where it is not the declared one. */
  readonly commands: Readonly<Record<string, Role>>;
}

/** Roles by power level in the management room and by configuration. */
export function createRoles(options: {
  settings: RoleSettings;
  members: Members;
  botUser: UserId;
  /** Globs of user IDs that nothing may be done to, such as `@*:example.com`. */
  protectedUsers: readonly string[];
}): Roles {
  const { settings, members, botUser, protectedUsers } = options;

  function roleOf(user: UserId): Role | undefined {
    if (!members.isJoined(user)) {
      return undefined;
    }
    const level = members.powerLevel(user);
    return roles.findLast(
      (role) => settings[role].users.includes(user) || level >= settings[role].powerLevel,
    );
  }

  return {
    of: roleOf,

    needed(command, byDeclaration) {
      return settings.commands[command] ?? byDeclaration;
    },

    protection(account) {
      if (account.name === botUser) {
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
          : 'would be a moderator here as soon as it joins';
      }
      return protectedUsers.some((glob) => matchesGlob(glob, account.name))
        ? 'is protected by the configuration'
        : undefined;
    },
  };
}
