import { bold, line } from '../command/answer.ts';
import { ago } from '../command/wording.ts';
import type { RoomId } from '../ids.ts';
import type { House } from '../pipeline/house.ts';
import { nameOf } from '../pipeline/outcome.ts';
import { post } from '../pipeline/reply.ts';
import type { Reply } from '../pipeline/reply.ts';
import { readEnvelope } from './read-event.ts';

/**
 * Says once that messages could not be decrypted, and settles them: should their keys come later, they
 * are not carried out any more, for whoever sent them has sent them again by then.
 */
export async function sayUnreadable(
  house: House,
  room: RoomId,
  raw: readonly object[],
): Promise<void> {
  const now = house.now();
  const sent = raw
    .flatMap((event) => readEnvelope(event) ?? [])
    .filter(({ sender }) => house.members.isJoined(sender));
  const told = await house.store.transaction(async (tables) => {
    const taken = await tables.inbox.take(
      sent.map(({ event, sender }) => ({
        eventId: event,
        type: 'unreadable',
        sender,
        event: '{}',
      })),
      now,
    );
    for (const { eventId } of taken) {
      await tables.inbox.handled(eventId, now);
    }
    const isNew = new Set(taken.map(({ eventId }) => eventId));
    const unread = sent.filter(({ event }) => isNew.has(event));
    const last = unread.at(-1);
    if (last !== undefined) {
      const whose =
        unread.length === 1
          ? `a message of ${nameOf(house, last.sender)}`
          : `${unread.length} messages`;
      const reply: Reply = {
        command: '',
        status: 'failed',
        audit: [],
        answer: {
          mark: '⚠️',
          title: [bold(`I can’t read ${whose}: `), 'the key to it did not reach me'],
          body: [
            line(
              `Sent ${ago(last.sentAt, now)}. Nothing was carried out, and won’t be: send it again.`,
            ),
            line('Where that does not help, log out of that client and in again.'),
          ],
          data: { events: unread.map(({ event }) => event) },
        },
        error: { code: 'undecryptable', message: 'the key of the message did not arrive' },
      };
      await post(house, tables, 'answer', {
        kind: 'reply',
        origin: { event: last.event, room },
        reply,
      });
    }
    return last;
  });
  if (told !== undefined) {
    house.deliver(told.event);
  }
}
