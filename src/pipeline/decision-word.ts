import type { House } from './house.ts';
import type { Message } from './message.ts';

const words: Readonly<Record<string, 'confirm' | 'cancel'>> = {
  yes: 'confirm',
  confirm: 'confirm',
  no: 'cancel',
  cancel: 'cancel',
};

/** The decision that a message makes if it replies to a question: a single plain word. */
export function decisionWordIn(message: Message): 'confirm' | 'cancel' | undefined {
  return message.replyTo === undefined
    ? undefined
    : words[message.text.trim().toLowerCase().replace(/[.!]$/u, '')];
}

/**
 * The command line that a reply to a question stands for: `yes`, or `!confirm` without a code, names
 * the question that it replies to. Undefined where it replies to something else.
 */
export async function decisionLine(
  house: House,
  message: Message,
  commandLine: string | undefined,
): Promise<string | undefined> {
  const bare = /^(confirm|cancel)$/iu.exec((commandLine ?? '').trim())?.[1];
  const decision =
    bare?.toLowerCase() ?? (commandLine === undefined ? decisionWordIn(message) : undefined);
  if (decision === undefined || message.replyTo === undefined) {
    return commandLine;
  }
  const asked = await house.store.outbox.commandOf(message.replyTo);
  const question = asked === undefined ? undefined : await house.store.confirmations.byEvent(asked);
  return question === undefined ? commandLine : `${decision} ${question.code}`;
}
