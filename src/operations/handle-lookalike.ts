import { bold, code, line } from '../chat/answers/answer.ts';
import { StoreError, codeOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { cut } from '../core/text.ts';
import type { Store } from '../store/store.ts';
import { postponed } from './answer/postponed.ts';
import { refusalReply } from './answer/refusal.ts';
import type { RefusalContext } from './answer/refusal.ts';
import { post } from './answer/reply.ts';
import type { DeliverContext, Reply, SayNow } from './answer/reply.ts';
import { logFault } from './execute/attempt.ts';
import { originOfLookalike } from './management-room.ts';
import type { Lookalike } from './management-room.ts';
import { commandLineIn, shownNameIn } from './parse/command-line.ts';
import type { CommandLineContext } from './parse/command-line.ts';
import { removeSecret } from './parse/secret.ts';
import type { RemoveSecretContext } from './parse/secret.ts';

/** Longer commands are cut, in characters: the sender has the whole text. */
const maxShownLength = 300;

const reasons = {
  edit: 'I don’t carry out edits',
  caption: 'I don’t carry out captions of files',
  emote: 'I don’t carry out `/me` messages',
} as const;

/** What handling a lookalike needs. */
export type LookalikeContext = CommandLineContext &
  RefusalContext &
  RemoveSecretContext &
  DeliverContext & {
    readonly store: Pick<Store, 'inbox'>;
    readonly log: Pick<Log, 'error'>;
  };

/**
 * Answers what looks like a command and is not one: nothing was done, and how to send it. Several edits of
 * one message are answered once. Never throws.
 *
 * @returns `postponed` if the database can't take its end
 */
export async function handleLookalike(
  context: LookalikeContext,
  sayNow: SayNow,
  lookalike: Lookalike,
): Promise<'postponed' | undefined> {
  const origin = originOfLookalike(lookalike);
  try {
    const reply =
      lookalike.heldSecret === true
        ? await removeSecret(context, lookalike)
        : replyTo(context, lookalike, await isAnswered(context, lookalike));
    await context.store.transaction(async (tables) => {
      await post(context, tables, 'answer', { kind: 'reply', origin, reply });
      await tables.inbox.markHandled(lookalike.event, context.now());
    });
    context.deliver(origin.event);
    return undefined;
  } catch (error) {
    logFault(context.log, lookalike.form, error);
    const reply = refusalReply(context, '', postponed(error));
    await sayNow({ kind: 'reply', origin, reply }).catch((sendError: unknown) => {
      context.log.error({ code: codeOf(sendError) }, 'an answer could not be sent');
    });
    return error instanceof StoreError ? 'postponed' : undefined;
  }
}

/** Whether this edits a message that is answered, or will be, as it was first sent. */
async function isAnswered(
  { store }: { readonly store: Pick<Store, 'inbox'> },
  { edits }: Lookalike,
): Promise<boolean> {
  return edits !== undefined && (await store.inbox.has(edits));
}

function replyTo(
  context: CommandLineContext,
  { form, text }: Lookalike,
  isAnsweredAlready: boolean,
): Reply {
  const { prefix } = context.settings;
  const typed = commandLineIn(text, context) ?? '';
  const why = isAnsweredAlready ? 'only the message as you first sent it counts' : reasons[form];
  return {
    command: shownNameIn(typed),
    status: 'usage',
    audit: [],
    answer: {
      mark: '❌',
      title: [
        // The message as it was first sent may have been done.
        bold(isAnsweredAlready ? 'Edit not carried out: ' : 'Not done: '),
        ...why.split('`').map((part, at) => (at % 2 === 0 ? part : code(part))),
      ],
      body: [
        line(
          isAnsweredAlready
            ? 'My answer to it stands. To do this instead, send it as a new message:'
            : 'To do it, send it as a new message:',
        ),
        line(code(cut(`${prefix}${typed}`, maxShownLength))),
      ],
    },
    error: { code: 'usage', message: why.replaceAll('`', '') },
  };
}
