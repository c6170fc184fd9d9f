import { DeniedError, TargetError } from '../../core/errors.ts';
import type { Confirmation } from '../../store/tables/confirmations.ts';
import { isLater, confirmationAskedBy } from '../confirm/awaiting-delivery.ts';
import type { Later } from '../confirm/awaiting-delivery.ts';
import { policyFor } from '../confirm/policy.ts';
import type { House } from '../house.ts';
import type { Message } from '../message.ts';

/**
 * What a word or reaction says about a confirmation. `unclear` is what people also use for "seen": it
 * confirms nothing destructive without being asked about.
 */
export type Sign = 'confirm' | 'cancel' | 'unclear';

// Maps: in an object, `constructor` would be a word too.
const words: ReadonlyMap<string, Sign> = new Map<string, Sign>([
  ...['yes', 'y', 'yep', 'yeah', 'yup', 'yes please', 'confirm', 'confirmed', 'do it'].map(
    (word) => [word, 'confirm'] as const,
  ),
  ...['no', 'n', 'nope', 'nah', 'no thanks', 'cancel', 'stop', 'abort'].map(
    (word) => [word, 'cancel'] as const,
  ),
  ...['ok', 'okay', 'k', 'sure', 'fine'].map((word) => [word, 'unclear'] as const),
]);

const reactions: ReadonlyMap<string, Sign> = new Map<string, Sign>([
  ['✅', 'confirm'],
  ['☑', 'confirm'],
  ['✔', 'confirm'],
  // To drop something does no harm: it can be asked for again.
  ['❌', 'cancel'],
  ['✖', 'cancel'],
  ['❎', 'cancel'],
  ['👎', 'cancel'],
  ['🚫', 'cancel'],
  ['🛑', 'cancel'],
  // One tap away by accident, and the usual sign for "seen".
  ['👍', 'unclear'],
  ['👌', 'unclear'],
  ['🆗', 'unclear'],
]);

/** What a reaction says about the confirmation that it is on, whatever the color of the hand. */
export function signOfReaction(key: string): Sign | undefined {
  return reactions.get(key.replaceAll(/[\p{Emoji_Modifier}\uFE0F]/gu, ''));
}

/** Longer than any word or code. */
const maxWordLength = 40;

function plain(text: string): string {
  return text.length > maxWordLength
    ? ''
    : text
        .normalize('NFKC')
        .replaceAll(/\p{Cf}/gu, '')
        .trim();
}

function signIn(text: string): Sign | undefined {
  const word = plain(text)
    .toLowerCase()
    .replaceAll(/[,\s]+/gu, ' ')
    .replace(/ ?[.!]+$/u, '');
  return words.get(word) ?? signOfReaction(word);
}

/** The code of a confirmation that a message consists of; other words of four letters look the same. */
function codeIn(message: Message): string | undefined {
  const text = plain(message.text).replaceAll(/[`*]/gu, '');
  const isCode = /^[2346789A-HJKMNP-RT-Z]{4}$/iu.test(text);
  // Who chose what to reply to means it; elsewhere a word like "been" must not be taken for one.
  const isMeant = message.replyTo !== undefined || /\d/u.test(text) || text === text.toUpperCase();
  return isCode && isMeant ? text.toUpperCase() : undefined;
}

/** Whether a message can decide about a confirmation, by a word or a code. */
export function canDecide(message: Message): boolean {
  const isReply = message.replyTo !== undefined || message.fallsBackTo !== undefined;
  const sign = signIn(message.text);
  const isClear = sign === 'confirm' || sign === 'cancel';
  return (sign !== undefined && isReply) || isClear || codeIn(message) !== undefined;
}

/**
 * The command line that a decision stands for: a plain word that replies to a confirmation, `!confirm`
 * without a code that does, or a code alone. Undefined if the message decides nothing and is no command.
 *
 * @throws TargetError it may be one, and what it means must be asked
 */
export async function decisionLine(
  house: House,
  message: Message,
  commandLine: string | undefined,
): Promise<string | Later | undefined> {
  const code = commandLine === undefined ? codeIn(message) : undefined;
  if (code !== undefined) {
    const line = await lineForCode(house, message, code);
    if (line !== undefined) {
      return line;
    }
  }
  const bare = /^(confirm|cancel)$/iu.exec((commandLine ?? '').trim())?.[1];
  const sign = commandLine === undefined ? signIn(message.text) : bare?.toLowerCase();
  const asked = message.replyTo ?? (bare === undefined ? message.fallsBackTo : undefined);
  if (sign === undefined || asked === undefined) {
    if (bare === undefined && sign !== undefined && sign !== 'unclear') {
      await assertNothingAsked(house, message);
    }
    return commandLine;
  }
  const confirmation = await confirmationAskedBy(house, asked, message);
  if (confirmation === undefined || isLater(confirmation)) {
    return confirmation ?? commandLine;
  }
  const isPending = confirmation.state === 'pending';
  if (message.replyTo === undefined) {
    // The thread's last message happens to be the confirmation.
    if (isPending && sign !== 'unclear') {
      throw unclear(house, confirmation, 'in a thread that may be meant for somebody else');
    }
    return undefined;
  }
  if (sign !== 'unclear') {
    return `${sign} ${confirmation.code}`;
  }
  if (!isPending) {
    return undefined;
  }
  if (isAskers(house, confirmation, message)) {
    return `confirm ${confirmation.code}`;
  }
  throw unclear(house, confirmation, 'that may only mean that you have seen it');
}

/**
 * A `yes` to nobody, by somebody who is being asked: it may be meant for a colleague, and decides nothing.
 *
 * @throws TargetError how to decide
 */
async function assertNothingAsked(house: House, message: Message): Promise<void> {
  const pending = await house.store.confirmations.pending(message.sender);
  const confirmation = pending.findLast(({ expiresAt }) => expiresAt > house.now());
  if (message.thread === undefined && confirmation !== undefined) {
    throw unclear(
      house,
      confirmation,
      'that replies to nothing, so it may be meant for somebody else',
    );
  }
}

/** Who asked, and may answer it, can mean only one thing by `ok`. */
function isAskers(
  { settings }: House,
  { requester, danger }: Confirmation,
  { sender }: Message,
): boolean {
  const policy = policyFor(danger as Parameters<typeof policyFor>[0], settings);
  return requester === sender && policy === 'requester';
}

/** The error that asks what a sign means, and says how to decide. */
export function unclear(
  { settings: { prefix } }: House,
  { code }: Pick<Confirmation, 'code'>,
  why: string,
): TargetError {
  return new TargetError(
    'state',
    why,
    `${code} still waits. To do it, tap ✅ or send \`${prefix}confirm ${code}\`. To drop it, tap ❌ or send \`${prefix}cancel ${code}\`.`,
  );
}

async function lineForCode(
  house: House,
  message: Message,
  code: string,
): Promise<string | Later | undefined> {
  const named = await house.store.confirmations.byCode(code);
  if (message.replyTo === undefined) {
    return named?.state === 'pending' ? `confirm ${code}` : undefined;
  }
  const confirmation = await confirmationAskedBy(house, message.replyTo, message);
  if (confirmation === undefined || isLater(confirmation)) {
    return confirmation ?? (named?.state === 'pending' ? `confirm ${code}` : undefined);
  }
  if (confirmation.code === code) {
    return `confirm ${code}`;
  }
  if (signIn(message.text) !== undefined) {
    // `yeah` looks like a code.
    return undefined;
  }
  throw unclear(house, confirmation, `${code} is not the code of what you replied to`);
}

/** @throws DeniedError the bot's own signs decide nothing: it puts them there to be tapped */
export function assertNotOwn(house: House, by: string): void {
  if (by === house.settings.botUser) {
    throw new DeniedError('the bot itself confirms and cancels nothing');
  }
}
