import type { EventId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import { syntheticEvent } from '../message.ts';

const cardPrefix = 'report ';

/** The event under which the outbox keeps the card of a report. */
export function cardEvent(item: number): EventId {
  return syntheticEvent(`${cardPrefix}${item}`);
}

/** The commands that reactions on a card stand for; the card's report fills in their targets. */
export const cardReactions: ReadonlyMap<string, string> = new Map([
  ['🙋', 'claim'],
  ['👻', 'shadow-ban'],
  ['🔨', 'deactivate'],
  ['🙈', 'redact'],
  ['🗑', 'dismiss'],
  ['✅', 'resolve'],
]);

/** What clients add to 🙋: a skin tone, or a gender. */
const variants = /\p{Emoji_Modifier}|\u200D[♀♂]/gu;

/** The command that a reaction on a card stands for, in any variant of the emoji. */
export function cardReaction(key: string): string | undefined {
  return cardReactions.get(key.replaceAll(variants, ''));
}

/** The number of the report whose card this event of the bot is; undefined for any other event. */
export async function itemOfCard(
  store: Pick<Store, 'outbox'>,
  event: EventId | undefined,
): Promise<number | undefined> {
  const answered = event === undefined ? undefined : await store.outbox.commandOf(event);
  const prefix = syntheticEvent(cardPrefix);
  return answered?.startsWith(prefix) === true ? Number(answered.slice(prefix.length)) : undefined;
}
