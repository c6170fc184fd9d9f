import { createKeyedQueue } from '../core/async/keyed-queue.ts';
import type { EventId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { Store } from '../store/store.ts';
import type { InboxEvent } from '../store/tables/inbox.ts';
import type { CardReactions } from './answer/card.ts';
import { postponed } from './answer/postponed.ts';
import type { RefusalContext } from './answer/refusal.ts';
import { refusalOf } from './answer/refusal.ts';
import type { SayNow } from './answer/reply.ts';
import { withoutStale } from './answer/stale.ts';
import type { WithoutStaleContext } from './answer/stale.ts';
import { expire } from './confirm/drop-confirmation.ts';
import type { ExpireContext } from './confirm/drop-confirmation.ts';
import type { InFlight } from './execute/reconcile.ts';
import { handleLookalike } from './handle-lookalike.ts';
import type { LookalikeContext } from './handle-lookalike.ts';
import { handleMessage } from './handle-message.ts';
import type { MessageContext } from './handle-message.ts';
import { handleReaction } from './handle-reaction.ts';
import type { ReactionContext } from './handle-reaction.ts';
import type { Incoming, SendPermission } from './management-room.ts';
import type { CommandLineContext } from './parse/command-line.ts';
import { commandLineIn, namesCommand } from './parse/command-line.ts';
import { canDecide, signOfReaction } from './parse/decision-word.ts';
import type { Later } from './parse/decision-word.ts';
import { holdsSecret } from './parse/secret.ts';
import { withCommandLine } from './parse/structured.ts';
import type { StructuredContext } from './parse/structured.ts';
import type { Settings } from './settings.ts';

/** The path of events from the room through the stages. */
export interface Pipeline {
  /**
   * Receives events and resolves when they are committed. What they ask for is done afterwards.
   *
   * @throws StoreError they could not be committed, and nothing they ask for will be done
   */
  accept(incoming: readonly Incoming[]): Promise<void>;
  /** Stores events as seen, without doing what they ask: they are older than the bot's first start. */
  skip(incoming: readonly Incoming[]): Promise<void>;
  /** Handles the events that were received before a restart. */
  resume(): Promise<void>;
  /** Handles the events again whose end the database could not take. */
  handleAgain(): Promise<void>;
  /** Ends the confirmations that have expired. */
  expireConfirmations(): Promise<void>;
  /** Resolves when nothing is in flight. */
  idle(): Promise<void>;
  /** Starts nothing more, and resolves when nothing is in flight. The next start handles the rest. */
  stop(): Promise<void>;
}

/** What selecting events needs. */
export type SelectContext = CommandLineContext &
  StructuredContext & {
    readonly settings: Pick<Settings, 'managementRoom'>;
    readonly cardReactions: Pick<CardReactions, 'isKnown'>;
  };

interface TakeContext {
  readonly store: Pick<Store, 'transaction'>;
  now(): number;
}

/** What receiving events needs. */
type ReceiveContext = TakeContext & RefusalContext;

/** What handling events needs. */
type HandleContext = MessageContext & ReactionContext & LookalikeContext;

/** What the pipeline needs. */
export type PipelineContext = HandleContext &
  SelectContext &
  ReceiveContext &
  WithoutStaleContext &
  ExpireContext & {
    readonly store: Pick<Store, 'confirmations' | 'inbox'>;
    readonly sendPermission: Pick<SendPermission, 'granted'>;
    readonly inFlight: Pick<InFlight, 'idle'>;
    readonly log: Pick<Log, 'error'>;
    expireAt(at: number): void;
  };

/** After this long, an event that the database could not record is handled again. */
const handleAgainMs = 10_000;

export function createPipeline(context: PipelineContext, sayNow: SayNow): Pipeline {
  // The commands of one person begin in the order in which they were sent, usually one after another.
  const queue = createKeyedQueue();
  /** Commands that the next ones of the same person don't wait for any more. */
  const slow = new Set<Promise<void>>();
  /** Events whose end the database could not take. */
  const postponedEvents = new Map<EventId, Incoming>();

  const schedule = (incoming: Incoming) => {
    queue.add(incoming.sender, async () => {
      // While nobody can be answered, nothing is done. Later the event is handled, unless it is stale.
      if (!(await context.sendPermission.granted())) {
        return;
      }
      const free = Promise.withResolvers<void>();
      const handled = handleInTurn(incoming, free.resolve);
      slow.add(handled);
      void handled.finally(() => slow.delete(handled));
      await Promise.race([handled, free.promise]);
    });
  };

  /** @param letNext lets the next command of the same person begin before this one has ended */
  async function handleInTurn(incoming: Incoming, letNext: () => void): Promise<void> {
    const later = await handle(context, sayNow, incoming, letNext);
    // Outside of the queue, so that what the same person sends meanwhile does not wait.
    if (later === 'postponed') {
      postponedEvents.set(incoming.event, incoming);
      context.recoverAt(context.now() + handleAgainMs);
    } else {
      void later?.after.then(() => schedule(incoming));
    }
  }

  const idle = async () => {
    await queue.idle();
    while (slow.size > 0) {
      await Promise.all(slow);
    }
    // What runs for long is no longer in the queue.
    await context.inFlight.idle();
  };

  return {
    async accept(incoming) {
      const wanted = select(context, incoming);
      if (wanted.length > 0) {
        const taken = await receive(context, sayNow, wanted);
        (await withoutStale(context, taken)).forEach(schedule);
      }
    },

    async skip(incoming) {
      await skip(context, select(context, incoming));
    },

    async resume() {
      for (const { event } of await context.store.inbox.open()) {
        schedule(JSON.parse(event) as Incoming);
      }
    },

    async handleAgain() {
      for (const [event, incoming] of postponedEvents) {
        // If it was begun, it goes on by itself.
        const isOpen = await context.store.inbox.isOpen(event);
        postponedEvents.delete(event);
        if (isOpen) {
          schedule(incoming);
        }
      }
    },

    async expireConfirmations() {
      const now = context.now();
      for (const confirmation of await context.store.confirmations.pending()) {
        if (confirmation.expiresAt > now) {
          context.expireAt(confirmation.expiresAt);
          break;
        }
        await expire(context, confirmation).catch((error: unknown) => {
          // For example, its command no longer exists. That must not stop the others, or the start.
          context.log.error(
            { code: confirmation.code, err: error },
            'a confirmation could not be expired',
          );
        });
      }
    },

    idle,

    async stop() {
      queue.stop();
      await idle();
    },
  };
}

/** The events that are for the bot, without the secrets in them. */
export function select(context: SelectContext, incoming: readonly Incoming[]): Incoming[] {
  return incoming
    .map((one) => withoutSecret(context, one))
    .map((one) => withoutSecret(context, withCommandLine(context, one)))
    .filter((one) => isForBot(context, one));
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
      return (
        signOfReaction(incoming.key) !== undefined || context.cardReactions.isKnown(incoming.key)
      );
  }
}

/**
 * Commits events to the inbox.
 *
 * @returns those that are new
 * @throws StoreError none was committed; their senders have been told
 */
async function receive(
  context: ReceiveContext,
  sayNow: SayNow,
  wanted: readonly Incoming[],
): Promise<Incoming[]> {
  try {
    const fresh = await context.store.transaction(
      async ({ inbox }) => inbox.add(wanted.map(inboxRow), context.now()),
      // If it is lost, so is the sync token, and they are received again.
      { repeatable: true },
    );
    const known = new Set(fresh.map(({ eventId }) => eventId));
    return wanted.filter((one) => known.delete(one.event));
  } catch (error) {
    // The senders are told, and the bot stops. It receives these events again later.
    for (const one of wanted) {
      await sayNow(refusalOf(context, one, postponed(error))).catch(() => undefined);
    }
    throw error;
  }
}

/** Commits events as seen and handled, without doing what they ask. */
async function skip(context: TakeContext, wanted: readonly Incoming[]): Promise<void> {
  const now = context.now();
  await context.store.transaction(async ({ inbox }) => {
    for (const { eventId } of await inbox.add(wanted.map(inboxRow), now)) {
      await inbox.markHandled(eventId, now);
    }
  });
}

/** Secrets are never stored: the event is handled as one that contained a secret. */
function withoutSecret(context: CommandLineContext, incoming: Incoming): Incoming {
  if (incoming.kind === 'reaction') {
    return incoming;
  }
  const typed = incoming.kind === 'message' ? (incoming.typed ?? '') : '';
  const isHeld = [incoming.text, typed].some((text) =>
    holdsSecret(text, commandLineIn(text, context)),
  );
  return isHeld
    ? { ...incoming, ...(typed === '' ? {} : { typed: '' }), text: '', heldSecret: true }
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

async function handle(
  context: HandleContext,
  sayNow: SayNow,
  incoming: Incoming,
  letNext: () => void,
): Promise<Later | 'postponed' | undefined> {
  switch (incoming.kind) {
    case 'message':
      return handleMessage(context, sayNow, incoming, letNext);
    case 'reaction':
      return handleReaction(context, sayNow, incoming);
    case 'lookalike':
      return handleLookalike(context, sayNow, incoming);
  }
}
