import { cardEvent } from '../../operations/answer/card.ts';
import type { MessagePart, Outgoing } from '../../operations/answer/reply.ts';
import type { Settings } from '../../operations/settings.ts';
import type { Outbox } from '../../store/tables/outbox.ts';
import { isClosed } from '../../store/tables/reports/report-items.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';

/** How many reactions a card can offer. */
export const maxReactions = 10;

/** The reactions of a card have numbers. When other ones replace them, those begin at the next multiple of this. */
const seriesLength = maxReactions;

const partOf = (number: number) => `react-${number}` satisfies MessagePart;

/** The part that withdraws the reaction of this number. */
const withdrawalOf = (number: number) => `unreact-${number}`;

/** The first number of the reactions that a card offers now, or would offer. */
async function currentSeries(
  outbox: Pick<Outbox, 'has'>,
  card: ReturnType<typeof cardEvent>,
): Promise<number> {
  let first = 0;
  while (await outbox.has(card, withdrawalOf(first))) {
    first += seriesLength;
  }
  return first;
}

/** When the reactions that a card offers now were put on it, in milliseconds since 1970; undefined if it offers none. */
export async function offeredSince(
  outbox: Pick<Outbox, 'addedAt' | 'has'>,
  item: number,
): Promise<number | undefined> {
  const card = cardEvent(item);
  return outbox.addedAt(card, partOf(await currentSeries(outbox, card)));
}

/**
 * Offers the reactions on the card of an item that is open or claimed, and withdraws them when it is closed.
 * If the card should offer others than it does, it gets a new series of reactions.
 *
 * @param context.keys what the card should offer if the item is not closed, at most `maxReactions`
 * @param context.changedAt reactions that were offered before this time may stand for something else now
 */
export async function updateReactions(
  outbox: Outbox,
  item: Pick<ReportItem, 'id' | 'state'>,
  context: {
    readonly settings: Pick<Settings, 'managementRoom'>;
    readonly keys: readonly string[];
    readonly changedAt: number;
    now(): number;
  },
): Promise<void> {
  const card = cardEvent(item.id);
  const origin = { event: card, room: context.settings.managementRoom };
  const add = async (part: string, message: Outgoing) =>
    outbox.add({ eventId: card, part, message: JSON.stringify(message) }, context.now());
  const keys = isClosed(item.state) ? [] : context.keys;
  const first = await currentSeries(outbox, card);
  const addedAt = await outbox.addedAt(card, partOf(first));
  const hasAsMany =
    (keys.length === 0 || (await outbox.has(card, partOf(first + keys.length - 1)))) &&
    (keys.length === seriesLength || !(await outbox.has(card, partOf(first + keys.length))));
  if (hasAsMany && (addedAt ?? context.changedAt) >= context.changedAt) {
    return;
  }
  if (addedAt !== undefined) {
    for (let number = first; number < first + seriesLength; number += 1) {
      const stage = partOf(number);
      if (await outbox.has(card, stage)) {
        await add(withdrawalOf(number), { kind: 'withdraw', origin, stage });
      }
    }
  }
  const next = addedAt === undefined ? first : first + seriesLength;
  for (const [at, key] of keys.entries()) {
    await add(partOf(next + at), { kind: 'reaction', origin, key });
  }
}
