import { bold, code, line } from '../chat/answers/answer.ts';
import type { Origin } from '../chat/command/invocation.ts';
import { codeOf } from '../core/errors.ts';
import type { EventId } from '../core/ids.ts';
import { cut } from '../core/text.ts';
import { refusalReply } from './answer/refusal.ts';
import { post } from './answer/reply.ts';
import type { Reply, SayNow } from './answer/reply.ts';
import { logFault } from './execute/execute.ts';
import type { House } from './house.ts';
import type { Lookalike } from './message.ts';
import { commandLineIn } from './parse/command-line.ts';
import { removeSecret } from './parse/secret.ts';

/** Long enough for what can be copied; the rest its sender has. */
const maxShownLength = 300;

const reasons = {
  edit: 'an edit is never carried out',
  caption: 'a file’s caption is never carried out',
  emote: 'a `/me` message is never carried out',
} as const;

/**
 * Says of what looks like a command and is none that nothing was done, and how to send it. Of several edits
 * of one message it says so once. Never throws.
 */
export async function handleLookalike(
  house: House,
  sayNow: SayNow,
  lookalike: Lookalike,
): Promise<void> {
  const origin = originOfLookalike(lookalike);
  try {
    const reply =
      lookalike.heldSecret === true
        ? await removeSecret(house, lookalike)
        : replyTo(house, lookalike, await isSecondThought(house, lookalike));
    await house.store.transaction(async (tables) => {
      await post(house, tables, 'answer', { kind: 'reply', origin, reply });
      await tables.inbox.handled(lookalike.event, house.now());
    });
    house.deliver(origin.event);
  } catch (error) {
    logFault(house, lookalike.form, error);
    const reply = refusalReply(house, '', error);
    await sayNow({ kind: 'reply', origin, reply }).catch((sendError: unknown) => {
      house.log.error({ code: codeOf(sendError) }, 'an answer could not be sent');
    });
  }
}

/** An edit is answered where the message stands that it changes. */
export function originOfLookalike({ event, room, thread, edits, heldSecret }: Lookalike): Origin {
  return {
    // No event of a room: the message itself may have an answer of its own.
    event: edits === undefined || heldSecret === true ? event : (`${edits} edited` as EventId),
    room,
    ...(thread === undefined ? {} : { thread }),
    ...(edits === undefined ? {} : { inReplyTo: edits }),
  };
}

/** Whether this edits a message that was taken in, and so was or will be answered as it was first sent. */
async function isSecondThought(house: House, { edits }: Lookalike): Promise<boolean> {
  return edits !== undefined && (await house.store.inbox.has(edits));
}

function replyTo(house: House, { form, text }: Lookalike, isAnsweredAlready: boolean): Reply {
  const { prefix } = house.settings;
  const typed = commandLineIn(text, house) ?? '';
  const why = isAnsweredAlready ? 'only what you first sent counts' : reasons[form];
  return {
    command: (typed.split(/\s/u, 1)[0] ?? '').slice(0, 40),
    status: 'usage',
    audit: [],
    answer: {
      mark: '❌',
      title: [
        // What was first sent may well have been done.
        bold(isAnsweredAlready ? 'Edit not carried out: ' : 'Not done: '),
        ...why.split('`').map((part, at) => (at % 2 === 0 ? part : code(part))),
      ],
      body: [
        line(
          isAnsweredAlready
            ? 'My answer to that stands. If you want this done, send it as a new message:'
            : 'If you want it done, send it as a new message:',
        ),
        line(code(cut(`${prefix}${typed}`, maxShownLength))),
      ],
    },
    error: { code: 'usage', message: why.replaceAll('`', '') },
  };
}
