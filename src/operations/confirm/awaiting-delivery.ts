import type { EventId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import type { Confirmation } from '../../store/tables/confirmations.ts';
import { isStale } from '../answer/stale.ts';
import type { StaleContext } from '../answer/stale.ts';

/** This can't be decided yet: handle the message again after that. */
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
