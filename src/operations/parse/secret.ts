import { bold, line } from '../../chat/answers/answer.ts';
import { codeOf } from '../../core/errors.ts';
import type { Reply } from '../answer/reply.ts';
import type { House } from '../house.ts';
import type { Message } from '../message.ts';

/** Access and refresh tokens as Synapse and the Matrix Authentication Service write them. */
const token = /\b(?:syt|syr|mct|mcr|mat|mar)_[\w=-]{12,}/u;
/** A password given to a command that takes none: as a flag, or as a word behind the user. */
const passwordFlag = /(?<!\S)[-–—]+(?:new-)?password[=\s]+\S/iu;
const passwordWord = /^(?:reset-password|create-user)\s+(?![-–—])\S+\s+(?![-–—@])\S/iu;

/**
 * Whether a message holds a secret that nobody in the room should read.
 *
 * @param commandLine the command in it, without prefix, if there is one
 */
export function holdsSecret(text: string, commandLine: string | undefined): boolean {
  return (
    token.test(text) ||
    (commandLine !== undefined &&
      (passwordFlag.test(commandLine) || passwordWord.test(commandLine)))
  );
}

/** Takes a message with a secret out of the room, and says what is known to have happened. */
export async function removeSecret(house: House, message: Pick<Message, 'event'>): Promise<Reply> {
  let removed = true;
  try {
    await house.redact(message.event, 'It held a secret');
  } catch (error) {
    removed = false;
    house.log.warn({ code: codeOf(error) }, 'a message with a secret could not be redacted');
  }
  return {
    command: '',
    status: 'usage',
    audit: [],
    answer: {
      mark: '⚠️',
      title: removed
        ? [bold('I removed your message: '), 'it held a password or token']
        : [
            bold('Remove your message now: '),
            'it holds a password or token, and I have no power to',
          ],
      body: [
        line('Everybody here could read it, so change that secret. Nothing was carried out.'),
        line('Passwords are never typed here: they are generated, and sent to you alone.'),
      ],
    },
    error: { code: 'secret', message: 'the message held a secret' },
  };
}
