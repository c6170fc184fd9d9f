import { bold, line } from '../../chat/answers/answer.ts';
import { codeOf } from '../../core/errors.ts';
import type { EventId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { Reply } from '../answer/reply.ts';
import type { Message } from '../management-room.ts';

/** Access and refresh tokens of Synapse and the Matrix Authentication Service. */
const token = /\b(?:syt|syr|mct|mcr|mat|mar)_[\w=-]{12,}/u;
/** A password given to a command that doesn't take one: as a flag, or as a word after the user. */
const passwordFlag = /(?<!\S)[-–—]+(?:new-)?password[=\s]+\S/iu;
const passwordWord = /^(reset-password|create-user)\s+(?![-–—])\S+\s+(?![-–—@])(\S+)\s*(\S{0,3})/iu;
/**
 * The minimum length, in characters, of a password for a new account. A shorter word belongs to the name, as in
 * `create-user spam 02`.
 */
const minPasswordLength = 4;

/**
 * Whether a message may hold a secret that nobody in the room should read. In doubt it does.
 *
 * @param commandLine the command in it, without prefix, if there is one
 */
export function holdsSecret(text: string, commandLine: string | undefined): boolean {
  return (
    token.test(text) ||
    (commandLine !== undefined &&
      (passwordFlag.test(commandLine) || holdsPasswordWord(commandLine)))
  );
}

function holdsPasswordWord(commandLine: string): boolean {
  const [, command = '', word = '', next = ''] = passwordWord.exec(commandLine) ?? [];
  // A short word may begin a password of several words.
  const isAlone = next === '' || /^(?:--|[–—])[a-z]/iu.test(next);
  const isPartOfName =
    command.toLowerCase() === 'create-user' && word.length < minPasswordLength && isAlone;
  return word !== '' && !isPartOfName;
}

export interface RemoveSecretContext {
  readonly log: Pick<Log, 'warn'>;
  /** Redacts a message of the room. @throws HomeserverError the bot may not */
  redact(event: EventId, reason: string): Promise<void>;
}

/** Removes a message with a secret from the room; the reply says whether that worked. */
export async function removeSecret(
  context: RemoveSecretContext,
  message: Pick<Message, 'event'>,
): Promise<Reply> {
  let removed = true;
  try {
    await context.redact(message.event, 'It contained a secret');
  } catch (error) {
    removed = false;
    context.log.warn({ code: codeOf(error) }, 'a message with a secret could not be redacted');
  }
  return {
    command: '',
    status: 'usage',
    audit: [],
    answer: {
      mark: '⚠️',
      title: removed
        ? [bold('I removed your message: '), 'it may contain a password or token']
        : [
            bold('Remove your message now: '),
            'it may contain a password or token, and I’m not allowed to remove it',
          ],
      body: [
        line(
          'The command was not carried out. If there was a secret in it, change that secret: everybody here could read it.',
        ),
        line('Never type passwords here: I generate them, and send them only to you.'),
      ],
    },
    error: { code: 'secret', message: 'the message may contain a password or token' },
  };
}
