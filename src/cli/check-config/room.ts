import type { Setup } from '../../app/setup.ts';
import type { Role } from '../../chat/command/declaration.ts';
import type { Config } from '../../config/schema.ts';
import type { UserId } from '../../core/ids.ts';
import { RoomState } from '../../matrix/room/room-state.ts';
import { createRoles } from '../../operations/authorize/authorize.ts';
import { openingAdvice, openingTexts, openingsOf } from '../../operations/authorize/open-room.ts';
import { passed } from './check.ts';
import type { Check } from './check.ts';

/** Lists of people are cut here. */
const maxNamed = 20;

/** What the management room is like: who has which role, and whether it is open to others. */
export function describeRoom(
  config: Config,
  botUser: UserId,
  { room, configuredRoom, roomState }: Pick<Setup, 'room' | 'configuredRoom' | 'roomState'>,
): Check[] {
  const members = new RoomState();
  roomState.forEach((event) => members.apply(event));
  const openings = openingsOf(members, config.roles);
  return [
    room === configuredRoom
      ? passed('room', `${room}: joined as the management room`)
      : passed(
          'room',
          `${room}: joined as the management room, because it has replaced ${configuredRoom}`,
          `Set managementRoom to ${room}.`,
        ),
    ...(openings.length === 0
      ? [passed('room-access', `${room}: only for invited people`)]
      : openings.map((opening) =>
          passed('room-access', `${room}: ${openingTexts[opening]}`, openingAdvice[opening]),
        )),
    describeRoles(config, botUser, members),
  ];
}

function describeRoles(config: Config, botUser: UserId, members: RoomState): Check {
  const roles = createRoles({ settings: config.roles, members, botUser, protectedUsers: [] });
  const people = members.joined().filter((user) => user !== botUser);
  const withRole = (role: Role | undefined) => people.filter((user) => roles.of(user) === role);
  const texts = (['admin', 'moderator', 'viewer'] as const).map(
    (role) => `${role} ${listOf(withRole(role))}`,
  );
  const without = withRole(undefined);
  const message = [...texts, ...(without.length === 0 ? [] : [`no role ${listOf(without)}`])].join(
    '; ',
  );
  return withRole('admin').length + withRole('moderator').length > 0
    ? passed('roles', `roles: ${message}`)
    : passed(
        'roles',
        `Nobody in the room but the bot may change anything (${message}).`,
        'Invite people, and give them power level 50 (moderator) or 100 (admin) in the room.',
      );
}

function listOf(users: readonly UserId[]): string {
  const named = users.slice(0, maxNamed);
  const rest = users.length - named.length;
  return users.length === 0
    ? 'nobody'
    : `${named.join(', ')}${rest === 0 ? '' : ` and ${rest} more`}`;
}
