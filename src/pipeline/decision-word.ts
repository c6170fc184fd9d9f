import type { House } from './house.ts';
import type { Message } from './message.ts';
import { isLater, questionAskedBy } from './question-asked.ts';
import type { Later } from './question-asked.ts';

// A map: in an object, `constructor` would be a word too.
const words: ReadonlyMap<string, 'confirm' | 'cancel'> = new Map([
  ['yes', 'confirm'],
  ['confirm', 'confirm'],
  ['no', 'cancel'],
  ['cancel', 'cancel'],
]);

/** The decision that a message makes if it replies to a question: a single plain word. */
export function decisionWordIn(message: Message): 'confirm' | 'cancel' | undefined {
  return message.replyTo === undefined
    ? undefined
    : words.get(message.text.trim().toLowerCase().replace(/[.!]$/u, ''));
}

/**
 * The command line that a reply to a question stands for: `yes`, or `!confirm` without a code, names
 * the question that it replies to. Undefined where it replies to something else.
 */
export async function decisionLine(
  house: House,
  message: Message,
  commandLine: string | undefined,
): Promise<string | Later | undefined> {
  const bare = /^(confirm|cancel)$/iu.exec((commandLine ?? '').trim())?.[1];
  const decision =
    bare?.toLowerCase() ?? (commandLine === undefined ? decisionWordIn(message) : undefined);
  if (decision === undefined || message.replyTo === undefined) {
    return commandLine;
  }
  const question = await questionAskedBy(house, message.replyTo, message);
  if (question === undefined) {
    return commandLine;
  }
  return isLater(question) ? question : `${decision} ${question.code}`;
}
