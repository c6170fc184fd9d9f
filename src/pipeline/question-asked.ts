import type { EventId } from '../ids.ts';
import type { Confirmation } from '../store/confirmations.ts';
import type { House } from './house.ts';

/**
 * The question that an event of ours asks; undefined where it asks none. People can decide before we
 * know that the question has arrived: a crash came in between, or the homeserver's word got lost.
 */
export async function questionAskedBy(
  house: House,
  event: EventId,
): Promise<Confirmation | undefined> {
  const { outbox, confirmations } = house.store;
  let asked = await outbox.commandOf(event);
  if (asked === undefined && (await confirmations.pending()).length > 0) {
    await house.delivered();
    asked = await outbox.commandOf(event);
  }
  return asked === undefined ? undefined : confirmations.byEvent(asked);
}
