import type { Store } from '../store/store.ts';
import type { InboxEvent } from '../store/tables/inbox.ts';
import { cardReaction } from './answer/card.ts';
import { refusalReply } from './answer/refusal.ts';
import type { RefusalContext } from './answer/refusal.ts';
import type { Outgoing, SayNow } from './answer/reply.ts';
import { originOfLookalike } from './handle-lookalike.ts';
import { originOf } from './message.ts';
import type { Incoming } from './message.ts';
import { commandLineIn, namesCommand } from './parse/command-line.ts';
import type { CommandLineContext } from './parse/command-line.ts';
import { canDecide, signOfReaction } from './parse/decision-word.ts';
import { holdsSecret } from './parse/secret.ts';
import type { Settings } from './settings.ts';

/** What selecting events needs. */
export type SelectContext = CommandLineContext & {
  readonly settings: Pick<Settings, 'managementRoom'>;
};

interface TakeContext {
  readonly store: Pick<Store, 'transaction'>;
  now(): number;
}

/** What receiving events needs. */
export type ReceiveContext = TakeContext & RefusalContext;

/** The events that are for the bot, without the secrets in them. */
export function select(context: SelectContext, incoming: readonly Incoming[]): Incoming[] {
  return incoming.map((one) => withoutSecret(context, one)).filter((one) => isForBot(context, one));
}

function isForBot(context: SelectContext, incoming: Incoming): boolean {
  const { settings } = context;
  if (incoming.sender === settings.botUser || incoming.room !== settings.managementRoom) {
    return false;
  }
  switch (incoming.kind) {
    case 'message':
      return (
        incoming.heldSecret === true ||
        commandLineIn(incoming.text, context) !== undefined ||
        canDecide(incoming)
      );
    case 'lookalike':
      return incoming.heldSecret === true || namesCommand(incoming.text, context);
    case 'reaction':
      return signOfReaction(incoming.key) !== undefined || cardReaction(incoming.key) !== undefined;
  }
}

/**
 * Commits events to the inbox.
 *
 * @returns those that are new
 * @throws StoreError none was committed; their senders have been told
 */
export async function receive(
  context: ReceiveContext,
  sayNow: SayNow,
  wanted: readonly Incoming[],
): Promise<Incoming[]> {
  try {
    const fresh = await context.store.transaction(async ({ inbox }) =>
      inbox.add(wanted.map(inboxRow), context.now()),
    );
    const known = new Set(fresh.map(({ eventId }) => eventId));
    return wanted.filter((one) => known.delete(one.event));
  } catch (error) {
    // The senders are told, and the bot stops. It receives these events again later.
    for (const one of wanted) {
      await sayNow(refusalOf(context, one, error)).catch(() => undefined);
    }
    throw error;
  }
}

/** What the sender of an event is told when the database fails. */
export function refusalOf(context: RefusalContext, incoming: Incoming, error: unknown): Outgoing {
  const reply = refusalReply(context, '', error);
  if (incoming.kind === 'lookalike') {
    return { kind: 'reply', origin: originOfLookalike(incoming), reply };
  }
  return incoming.kind === 'message'
    ? { kind: 'reply', origin: originOf(incoming), reply }
    : // Nobody wrote a text that a reply could quote.
      {
        kind: 'alert',
        origin: { event: incoming.event, room: incoming.room },
        mentions: [incoming.sender],
        reply,
      };
}

/** Commits events as seen and handled, without doing what they ask. */
export async function skip(context: TakeContext, wanted: readonly Incoming[]): Promise<void> {
  const now = context.now();
  await context.store.transaction(async ({ inbox }) => {
    for (const { eventId } of await inbox.add(wanted.map(inboxRow), now)) {
      await inbox.markHandled(eventId, now);
    }
  });
}

/** Secrets are never stored: the event is handled as one that contained a secret. */
function withoutSecret(context: CommandLineContext, incoming: Incoming): Incoming {
  return incoming.kind !== 'reaction' &&
    holdsSecret(incoming.text, commandLineIn(incoming.text, context))
    ? { ...incoming, text: '', heldSecret: true }
    : incoming;
}

function inboxRow(incoming: Incoming): InboxEvent {
  return {
    eventId: incoming.event,
    type: incoming.kind,
    sender: incoming.sender,
    event: JSON.stringify(incoming),
  };
}
