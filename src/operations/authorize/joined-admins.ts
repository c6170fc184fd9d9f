import type { UserId } from '../../core/ids.ts';
import type { House } from '../house.ts';

type Room = Pick<House, 'members' | 'roles' | 'settings'>;

/** Joined members with role admin, without the bot itself. */
export function joinedAdmins({ members, roles, settings }: Room): UserId[] {
  return members
    .joined()
    .filter((member) => member !== settings.botUser && roles.of(member) === 'admin');
}

/**
 * Whom an alert about the bot's own work mentions: those on call, or the admins of the room if nobody
 * is, since an alert that mentions nobody notifies nobody.
 */
export function alertedPeople(room: Room, onCall: readonly UserId[]): readonly UserId[] {
  return onCall.length > 0 ? onCall : joinedAdmins(room);
}
