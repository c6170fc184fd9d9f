import type { Answer } from '../../chat/answers/answer.ts';
import type { EventId } from '../../core/ids.ts';
import { joinedAdmins } from '../authorize/roles.ts';
import type { House } from '../house.ts';
import { post } from './reply.ts';
import type { Outgoing } from './reply.ts';

/** A message about the bot's own work that notifies the admins of the management room. */
export function alarmOf(
  house: Pick<House, 'members' | 'roles' | 'settings'>,
  name: string,
  answer: Answer,
): Outgoing {
  return {
    kind: 'alert',
    // No event of the room: those hold no blanks.
    origin: { event: `$ ${name}` as EventId, room: house.settings.managementRoom },
    mentions: joinedAdmins(house),
    reply: { command: '', status: 'failed', audit: [], answer },
  };
}

/**
 * Says something about the bot's own work in the management room, and notifies the admins there.
 *
 * @param name what is said once under this name, also after a restart
 */
export async function raiseAlarm(house: House, name: string, answer: Answer): Promise<void> {
  const alarm = alarmOf(house, name, answer);
  await house.store.transaction(async (tables) => post(house, tables, 'alert', alarm));
  house.deliver(alarm.origin.event);
}
