import { bold, line } from '../../chat/answers/answer.ts';
import { ago } from '../../chat/answers/phrases.ts';
import type { RoomId } from '../../core/ids.ts';
import { post } from '../../operations/answer/reply.ts';
import type { DeliverContext, Reply } from '../../operations/answer/reply.ts';
import { nameOf } from '../../operations/management-room.ts';
import type { Members } from '../../operations/management-room.ts';
import { readEnvelope } from './read-event.ts';

const reasons: ReadonlyMap<string, { readonly cause: string; readonly advice: string }> = new Map([
  [
    'm.unverified',
    {
      cause: 'your client sends keys to verified devices only, and mine is not verified',
      advice:
        'First turn that off: in Element, “Only send messages to verified users” in this room’s settings or in your security settings.',
    },
  ],
  [
    'm.blacklisted',
    {
      cause: 'your client has blocked my device',
      advice: 'First unblock it in my profile, in the list of my devices.',
    },
  ],
]);

function causeOf(why: string | undefined): string[] {
  return [reasons.get(why ?? '')?.cause ?? 'its key did not reach me'];
}

function adviceOn(why: string | undefined): string {
  return (
    reasons.get(why ?? '')?.advice ??
    'If that doesn’t help, log out of that client and log in again.'
  );
}

/**
 * Says once that messages could not be decrypted, and marks them as handled: if their keys come later, they
 * are not carried out, because their senders have resent them by then.
 *
 * @param withheld why the sender's client withholds the key of an event from the bot, if it says so
 */
export async function sayUnreadable(
  context: DeliverContext & {
    readonly members: Pick<Members, 'displayName' | 'isJoined'>;
  },
  room: RoomId,
  raw: readonly object[],
  withheld: (event: object) => string | undefined,
): Promise<void> {
  const now = context.now();
  const sent = raw
    .flatMap((event) => {
      const read = readEnvelope(event);
      return read === undefined ? [] : [{ ...read, why: withheld(event) }];
    })
    .filter(({ sender }) => context.members.isJoined(sender));
  const told = await context.store.transaction(async (tables) => {
    const taken = await tables.inbox.add(
      sent.map(({ event, sender }) => ({
        eventId: event,
        type: 'unreadable',
        sender,
        event: '{}',
      })),
      now,
    );
    for (const { eventId } of taken) {
      await tables.inbox.markHandled(eventId, now);
    }
    const isNew = new Set(taken.map(({ eventId }) => eventId));
    const unread = sent.filter(({ event }) => isNew.has(event));
    const last = unread.at(-1);
    if (last !== undefined) {
      const whose =
        unread.length === 1
          ? `a message from ${nameOf(context.members, last.sender)}`
          : `${unread.length} messages`;
      const reply: Reply = {
        command: '',
        status: 'failed',
        audit: [],
        answer: {
          mark: '⚠️',
          title: [bold(`I can’t read ${whose}: `), ...causeOf(last.why)],
          body: [
            line(`Sent ${ago(last.sentAt, now)}. I did not carry it out, and won’t: resend it.`),
            line(adviceOn(last.why)),
          ],
          data: { events: unread.map(({ event }) => event) },
        },
        error: { code: 'undecryptable', message: 'the key of the message did not arrive' },
      };
      await post(context, tables, 'answer', {
        kind: 'reply',
        origin: { event: last.event, room },
        reply,
      });
    }
    return last;
  });
  if (told !== undefined) {
    context.deliver(told.event);
  }
}
