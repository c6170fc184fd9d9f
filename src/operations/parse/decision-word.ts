import { DeniedError, TargetError } from '../../core/errors.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import type { Confirmation } from '../../store/tables/operations/confirmations.ts';
import { isStale } from '../answer/stale.ts';
import type { StaleContext } from '../answer/stale.ts';
import { policyFor } from '../confirm/confirm.ts';
import type { Message } from '../management-room.ts';
import type { Settings } from '../settings.ts';

/**
 * What a word or reaction says about a confirmation. `unclear` is for signs that people also use for
 * "seen": they don't confirm anything destructive unless the bot asks.
 */
export type Sign = 'confirm' | 'cancel' | 'unclear';

// Maps, because in an object `constructor` would be a word too.
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
  // Cancelling does no harm: the command can be sent again.
  ['❌', 'cancel'],
  ['✖', 'cancel'],
  ['❎', 'cancel'],
  ['👎', 'cancel'],
  ['🚫', 'cancel'],
  ['🛑', 'cancel'],
  // Easily tapped by accident, and the usual sign for "seen".
  ['👍', 'unclear'],
  ['👌', 'unclear'],
  ['🆗', 'unclear'],
]);

/** What a reaction says about a confirmation, in any skin tone. */
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

/** The confirmation code that a message consists of. Other words of four letters look the same. */
function codeIn(message: Message): string | undefined {
  const text = plain(message.text).replaceAll(/[`*]/gu, '');
  const isCode = /^[2346789A-HJKMNP-RT-Z]{4}$/iu.test(text);
  // In a reply, it is a code. Elsewhere, a word like "been" must not be taken for one.
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

interface PendingContext {
  readonly store: Pick<Store, 'confirmations'>;
  readonly settings: Pick<Settings, 'prefix'>;
  now(): number;
}

/** What reading a decision needs. */
export type DecisionContext = AskedContext &
  PendingContext & { readonly settings: Pick<Settings, 'confirmation'> };

/**
 * The command line that a decision stands for: a word in reply to a confirmation, `!confirm` without a
 * code in reply to one, or a code alone. Undefined if the message decides nothing and is not a command.
 *
 * @throws TargetError it may be a decision, and its sender must make clear which
 */
export async function decisionLine(
  context: DecisionContext,
  message: Message,
  commandLine: string | undefined,
): Promise<string | Later | undefined> {
  const code = commandLine === undefined ? codeIn(message) : undefined;
  if (code !== undefined) {
    const line = await lineForCode(context, message, code);
    if (line !== undefined) {
      return line;
    }
  }
  const bare = /^(confirm|cancel)$/iu.exec((commandLine ?? '').trim())?.[1];
  const sign = commandLine === undefined ? signIn(message.text) : bare?.toLowerCase();
  const asked = message.replyTo ?? (bare === undefined ? message.fallsBackTo : undefined);
  if (sign === undefined || asked === undefined) {
    if (bare === undefined && sign !== undefined && sign !== 'unclear') {
      await assertNothingPending(context, message);
    }
    return commandLine;
  }
  const confirmation = await confirmationAskedBy(context, asked, message);
  if (confirmation === undefined || isLater(confirmation)) {
    return confirmation ?? commandLine;
  }
  const isPending = confirmation.state === 'pending';
  if (message.replyTo === undefined) {
    // The confirmation happens to be the last message of the thread.
    if (isPending && sign !== 'unclear') {
      throw unclear(
        context.settings,
        confirmation,
        'in a thread, that may be meant for somebody else',
      );
    }
    return undefined;
  }
  if (sign !== 'unclear') {
    return `${sign} ${confirmation.code}`;
  }
  if (!isPending) {
    return undefined;
  }
  if (isConfirmedByRequester(context.settings, confirmation, message)) {
    return `confirm ${confirmation.code}`;
  }
  throw unclear(context.settings, confirmation, 'that may only mean that you have seen it');
}

/**
 * A `yes` that replies to nothing may be meant for a colleague. It decides nothing, even if its sender
 * has a pending confirmation.
 *
 * @throws TargetError its sender has one; says how to decide about it
 */
async function assertNothingPending(context: PendingContext, message: Message): Promise<void> {
  const pending = await context.store.confirmations.pending(message.sender);
  const confirmation = pending.findLast(({ expiresAt }) => expiresAt > context.now());
  if (message.thread === undefined && confirmation !== undefined) {
    throw unclear(
      context.settings,
      confirmation,
      'that is not a reply, so it may be meant for somebody else',
    );
  }
}

/** Whether the sender asked for it and may confirm it themselves: then `ok` can only mean one thing. */
function isConfirmedByRequester(
  settings: Pick<Settings, 'confirmation'>,
  { requester, danger }: Confirmation,
  { sender }: Message,
): boolean {
  const policy = policyFor(danger as Parameters<typeof policyFor>[0], settings);
  return requester === sender && policy === 'requester';
}

/** Asks what a sign means, and says how to decide. */
export function unclear(
  { prefix }: Pick<Settings, 'prefix'>,
  { code }: Pick<Confirmation, 'code'>,
  why: string,
): TargetError {
  return new TargetError(
    'state',
    why,
    `${code} is still pending. To confirm, tap ✅ or send \`${prefix}confirm ${code}\`. To cancel, tap ❌ or send \`${prefix}cancel ${code}\`.`,
  );
}

async function lineForCode(
  context: AskedContext & PendingContext,
  message: Message,
  code: string,
): Promise<string | Later | undefined> {
  const named = await context.store.confirmations.byCode(code);
  if (message.replyTo === undefined) {
    return named?.state === 'pending' ? `confirm ${code}` : undefined;
  }
  const confirmation = await confirmationAskedBy(context, message.replyTo, message);
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
  throw unclear(context.settings, confirmation, `${code} is not the code of what you replied to`);
}

/** @throws DeniedError the bot's own reactions decide nothing: they are there for people to tap */
export function assertNotOwn({ botUser }: Pick<Settings, 'botUser'>, by: UserId): void {
  if (by === botUser) {
    throw new DeniedError('the bot itself can’t confirm or cancel');
  }
}

/** This can't be decided yet: handle the message again when `after` resolves. */
export interface Later {
  readonly after: Promise<void>;
}

export function isLater(value: object): value is Later {
  return 'after' in value;
}

interface KnownContext {
  readonly store: Pick<Store, 'confirmations' | 'outbox'>;
}

export type AskedContext = KnownContext &
  StaleContext & {
    /** Resolves when the next message of the outbox is sent or given up, or after a while. */
    delivered(): Promise<void>;
  };

/**
 * The confirmation that an event of the bot asks for; undefined if it asks for none.
 *
 * People can decide before the bot knows that the confirmation has arrived: after a crash, or if the
 * homeserver's response was lost or is slow. While that is possible, a decision waits, unless it is stale.
 */
export async function confirmationAskedBy(
  context: AskedContext,
  event: EventId,
  decision: { readonly sentAt: number },
): Promise<Confirmation | Later | undefined> {
  const known = await knownConfirmation(context, event);
  if (known !== undefined || isStale(context, decision)) {
    return known;
  }
  // Called before the check, so that no delivery is missed in between.
  const after = context.delivered();
  return (await isOneOnItsWay(context)) ? { after } : knownConfirmation(context, event);
}

async function knownConfirmation(
  context: KnownContext,
  event: EventId,
): Promise<Confirmation | undefined> {
  const asked = await context.store.outbox.commandOf(event);
  return asked === undefined ? undefined : context.store.confirmations.byEvent(asked);
}

/** Whether there is a pending confirmation that may not have arrived in the room yet. */
async function isOneOnItsWay({ store: { confirmations, outbox } }: KnownContext): Promise<boolean> {
  for (const { eventId } of await confirmations.pending()) {
    if (await outbox.isPending(eventId, 'answer')) {
      return true;
    }
  }
  return false;
}
