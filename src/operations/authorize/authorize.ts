import { leastDangerOf, roleFor, roles } from '../../chat/command/declaration.ts';
import type { Command, Role } from '../../chat/command/declaration.ts';
import { DeniedError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { passed } from '../stages.ts';
import type { Authorized, Parsed } from '../stages.ts';
import type { Roles } from './roles.ts';

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
    // It undoes what the person who set it was allowed to do, and does nothing more dangerous.
    if (parsed.danger !== 'change') {
      throw new DeniedError(`timers can’t run ${parsed.command.name}`);
    }
    return passed<Authorized>({ ...parsed, role: 'moderator' });
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
  parsed: Pick<Parsed, 'command' | 'danger'>,
  user: UserId,
): Role {
  const { command, danger } = parsed;
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
