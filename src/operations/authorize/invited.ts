import type { Role } from '../../chat/command/declaration.ts';
import type { UserId } from '../../core/ids.ts';
import type { Members } from '../management-room.ts';
import { roleOnceJoined } from './authorize.ts';
import type { RoleSettings } from './authorize.ts';

/** Somebody who is invited to the room, and the role that they get when they join. */
export interface Invited {
  readonly user: UserId;
  readonly role: Role | undefined;
}

type InvitedMembers = Pick<Members, 'joined' | 'powerLevel'> & { invited(): readonly UserId[] };

/** The people who have not accepted their invitation to the room yet. */
export function invitedPeople(settings: RoleSettings, members: InvitedMembers): Invited[] {
  return members.invited().map((user) => ({ user, role: roleOnceJoined(settings, members, user) }));
}

/**
 * The invited people who may change something once they join, if nobody in the room may.
 *
 * @returns empty if somebody in the room other than the bot may, or if none of the invited people may
 */
export function awaitedModerators(
  settings: RoleSettings,
  members: InvitedMembers,
  botUser: UserId,
): UserId[] {
  const isModerator = (role: Role | undefined) => role === 'moderator' || role === 'admin';
  const isSomebodyThere = members
    .joined()
    .some((user) => user !== botUser && isModerator(roleOnceJoined(settings, members, user)));
  return isSomebodyThere
    ? []
    : invitedPeople(settings, members)
        .filter(({ role }) => isModerator(role))
        .map(({ user }) => user);
}
