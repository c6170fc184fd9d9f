import type { Setup } from '../../app/setup/setup.ts';
import type { Role } from '../../chat/command/declaration.ts';
import type { Config } from '../../config/schema.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import { RoomState } from '../../matrix/room/room-state.ts';
import { createRoles } from '../../operations/authorize/authorize.ts';
import { awaitedModerators, invitedPeople } from '../../operations/authorize/invited.ts';
import type { Invited } from '../../operations/authorize/invited.ts';
import { openingAdvice, openingTexts, openingsOf } from '../../operations/authorize/open-room.ts';
import { passed, passedSoFar } from './check.ts';
import type { Check } from './check.ts';

/** Lists of people are cut here. */
const maxNamed = 20;

/** What the management room is like: whether the bot can write there, who has which role, and whether it is open. */
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
    ...describeSilence(room, botUser, members),
    ...(openings.length === 0
      ? [passed('room-access', `${room}: only for invited people`)]
      : openings.map((opening) =>
          passed('room-access', `${room}: ${openingTexts[opening]}`, openingAdvice[opening]),
        )),
    describeRoles(config, botUser, members),
  ];
}

/** A warning if the bot's power level is too low to send messages. */
function describeSilence(room: RoomId, botUser: UserId, members: RoomState): Check[] {
  const power = members.powerLackingToSend(botUser);
  return power === undefined
    ? []
    : [
        passed(
          'room',
          `${room}: the bot can’t write there: its power level is ${power.has}, and messages need ${power.needs}.`,
          `In the room’s settings, give ${botUser} power level ${power.needs}. Until then, the bot carries nothing out.`,
        ),
      ];
}

function describeRoles(
  { roles: settings, commands }: Config,
  botUser: UserId,
  members: RoomState,
): Check {
  const roles = createRoles({
    settings,
    members,
    isBot: (user) => user === botUser,
    protectedUsers: [],
  });
  const people = members.joined().filter((user) => user !== botUser);
  const invited = invitedPeople(settings, members);
  const withRole = (role: Role | undefined) => people.filter((user) => roles.of(user) === role);
  const named = (text: string, users: readonly string[]) =>
    users.length === 0 ? [] : [`${text} ${listOf(users)}`];
  const message = [
    ...(['admin', 'moderator', 'viewer'] as const).map(
      (role) => `${role} ${listOf(withRole(role))}`,
    ),
    ...named('no role', withRole(undefined)),
    ...named('invited', invited.map(describeInvited)),
  ].join('; ');
  if (withRole('admin').length + withRole('moderator').length > 0) {
    return passed('roles', `roles: ${message}`);
  }
  if (awaitedModerators(settings, members, botUser).length > 0) {
    return passedSoFar(
      'roles',
      people.length === 0
        ? `roles: nobody has joined the room yet; invited: ${listOf(invited.map(describeInvited))}`
        : `roles: ${message}`,
      `Next: accept the invitation in your Matrix client, and type ${commands.prefix}help in the room once the bot runs.`,
    );
  }
  return passed(
    'roles',
    `Nobody in the room but the bot may change anything (${message}).`,
    'Invite people, and give them power level 50 (moderator) or 100 (admin) in the room.',
  );
}

function describeInvited({ user, role }: Invited): string {
  return `${user} (${role ?? 'no role'})`;
}

function listOf(users: readonly string[]): string {
  const shown = users.slice(0, maxNamed);
  const rest = users.length - shown.length;
  return users.length === 0
    ? 'nobody'
    : `${shown.join(', ')}${rest === 0 ? '' : ` and ${rest} more`}`;
}
