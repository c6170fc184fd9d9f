import type { EventId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';

/**
 * Whether an event ID is one of ours, for what no event of the room has asked for. Those of rooms hold no
 * blanks, so that nothing from a room can be taken for one.
 */
export function isMadeUp(event: EventId): boolean {
  return event.includes(' ');
}

const cardPrefix = '$ report ';

/** What stands for the command in the outbox where a card of the report queue is sent. */
export function cardEvent(item: number): EventId {
  return `${cardPrefix}${item}` as EventId;
}

/**
 * What a reaction to a card stands for: a command whose target the card fills in. ✅ and ❌ say of
 * confirmations what they say everywhere, and of a card that it is done.
 */
export const cardReactions: ReadonlyMap<string, string> = new Map([
  ['🙋', 'claim'],
  ['👻', 'shadow-ban'],
  ['🔨', 'deactivate'],
  ['🙈', 'redact'],
  ['🗑', 'dismiss'],
  ['✅', 'resolve'],
]);

/** What clients add to somebody who raises a hand: the color of the skin, a woman or a man. */
const looks = /\p{Emoji_Modifier}|\u200D[♀♂]/gu;

/** The command that a reaction stands for, whatever the one who raises a hand looks like. */
export function cardReaction(key: string): string | undefined {
  return cardReactions.get(key.replaceAll(looks, ''));
}

/** The item whose card this event of ours is; undefined for any other event. */
export async function itemOfCard(
  store: Pick<Store, 'outbox'>,
  event: EventId | undefined,
): Promise<number | undefined> {
  const answered = event === undefined ? undefined : await store.outbox.commandOf(event);
  return answered?.startsWith(cardPrefix) === true
    ? Number(answered.slice(cardPrefix.length))
    : undefined;
}
