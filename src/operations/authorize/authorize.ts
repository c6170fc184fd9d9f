import { leastDangerOf, roleFor, roles } from '../../chat/command/declaration.ts';
import type { Command, Role } from '../../chat/command/declaration.ts';
import { DeniedError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { House } from '../house.ts';
import { passed } from '../stages.ts';
import type { Authorized, Parsed } from '../stages.ts';

/**
 * Lets pass who may do this.
 *
 * @throws DeniedError the role is too low, or the sender has left the room
 */
export function authorize(house: House, parsed: Parsed): Authorized {
  const { actor } = parsed.invocation;
  if (actor.kind === 'rule') {
    assertRuleMay(house, parsed);
    return passed<Authorized>({ ...parsed, role: 'moderator' });
  }
  if (actor.kind === 'timer') {
    // It takes back what its setter was allowed to do, and nothing more dangerous.
    if (parsed.danger !== 'change') {
      throw new DeniedError(`a timer may not run ${parsed.command.name}`);
    }
    return passed<Authorized>({ ...parsed, role: 'moderator' });
  }
  return passed<Authorized>({ ...parsed, role: requireRole(house, parsed, actor.user) });
}

/**
 * Nothing that is for admins, by declaration or by configuration, is for rules.
 *
 * @throws DeniedError
 */
function assertRuleMay(house: House, { command, danger }: Parsed): void {
  const needed = house.roles.needed(command.name, roleFor(command, danger));
  if (danger === 'critical' || roles.indexOf(needed) > roles.indexOf('moderator')) {
    throw new DeniedError(`no rule may run ${command.name}: it needs the role ${needed}`);
  }
}

/**
 * Refuses who may not use a command whatever follows its name, before anything of that is read.
 *
 * @throws DeniedError
 */
export function assertMayUse(house: House, command: Command, user: UserId): void {
  requireRole(house, { command, danger: leastDangerOf(command) }, user);
}

/** The role of `user`, where it suffices for this. Asked again when a confirmation is confirmed. */
export function requireRole(
  house: House,
  parsed: Pick<Parsed, 'command' | 'danger'>,
  user: UserId,
): Role {
  const { command, danger } = parsed;
  const needed = house.roles.needed(command.name, roleFor(command, danger));
  const role = house.roles.of(user);
  if (role === undefined) {
    throw new DeniedError(
      `${command.name} is for members of this room whose power level gives them a role`,
    );
  }
  if (roles.indexOf(role) < roles.indexOf(needed)) {
    throw new DeniedError(`${command.name} needs the role ${needed}; yours is ${role}`);
  }
  return role;
}
