import type { EventId } from '../../core/ids.ts';
import type { Confirmation } from '../../store/tables/confirmations.ts';
import { isStale } from '../answer/stale.ts';
import type { House } from '../house.ts';

/** What can't be told yet: it is to be handled again then. */
export interface Later {
  readonly after: Promise<void>;
}

export function isLater(value: object): value is Later {
  return 'after' in value;
}

/**
 * The confirmation that an event of ours asks, about which somebody decides; undefined where it asks none.
 * People can decide before we know that the confirmation has arrived: a crash came in between, or the
 * homeserver's word got lost, or takes its time. While that may be so, a decision that is young enough
 * to be carried out waits.
 */
export async function confirmationAskedBy(
  house: House,
  event: EventId,
  decision: { readonly sentAt: number },
): Promise<Confirmation | Later | undefined> {
  const known = await knownConfirmation(house, event);
  if (known !== undefined || isStale(house, decision)) {
    return known;
  }
  // Before the look, so that nothing is missed that arrives meanwhile.
  const after = house.delivered();
  return (await isOneOnItsWay(house)) ? { after } : knownConfirmation(house, event);
}

async function knownConfirmation(house: House, event: EventId): Promise<Confirmation | undefined> {
  const asked = await house.store.outbox.commandOf(event);
  return asked === undefined ? undefined : house.store.confirmations.byEvent(asked);
}

/** Whether a confirmation waits of which we don't know that it is in the room. */
async function isOneOnItsWay({ store: { confirmations, outbox } }: House): Promise<boolean> {
  for (const { eventId } of await confirmations.pending()) {
    if (await outbox.isPending(eventId, 'answer')) {
      return true;
    }
  }
  return false;
}
