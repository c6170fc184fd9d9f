import type { Answer } from '../command/answer.ts';
import type { EventId } from '../ids.ts';
import { joinedAdmins } from './called.ts';
import type { House } from './house.ts';
import { post } from './reply.ts';

/**
 * Says something about the bot's own work in the management room, and notifies the admins there.
 *
 * @param name what is said once under this name, also after a restart
 */
export async function raiseAlarm(house: House, name: string, answer: Answer): Promise<void> {
  // No event of the room: those hold no blanks.
  const event = `$ ${name}` as EventId;
  await house.store.transaction(async (tables) =>
    post(house, tables, 'alert', {
      kind: 'alert',
      origin: { event, room: house.settings.managementRoom },
      mentions: joinedAdmins(house),
      reply: { command: '', status: 'failed', audit: [], answer },
    }),
  );
  house.deliver(event);
}
