import { matrixToLink } from '../../chat/reading/values.ts';
import type { ArgumentKind } from '../../chat/reading/values.ts';
import type { EventId } from '../../core/ids.ts';
import { readContent } from '../../services/reports/reported-content.ts';
import type { Store } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import { syntheticEvent } from '../management-room.ts';
import type { Message } from '../management-room.ts';

const cardPrefix = 'report ';

/** The event under which the outbox keeps the card of a report. */
export function cardEvent(item: number): EventId {
  return syntheticEvent(`${cardPrefix}${item}`);
}

/** What reactions on cards stand for. */
export interface CardReactions {
  /** Whether a reaction may stand for something on some card. */
  isKnown(key: string): boolean;
  /**
   * The command line, without prefix, that a reaction on the card of a report stands for; undefined if it
   * stands for nothing.
   *
   * @param item the number of the report
   * @param sentAt when somebody reacted, in milliseconds since 1970: the card may show something else by now
   * @throws TargetError, UsageError it can't be done about this report, or the card shows something else
   */
  lineOn(item: number, key: string, sentAt: number): Promise<string | undefined>;
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

/** The report that a message is about: the message replies to the report's card, or is in its thread. */
export async function itemFor(
  { store }: { readonly store: Pick<Store, 'outbox' | 'reportItems'> },
  message: Message,
): Promise<ReportItem | undefined> {
  const id =
    (await itemOfCard(store, message.replyTo)) ?? (await itemOfCard(store, message.thread));
  return id === undefined ? undefined : store.reportItems.get(id);
}

/** The value for an argument that is left out of a command about a report. */
export function fillIn(item: ReportItem): (kind: ArgumentKind) => string | undefined {
  return (kind) => {
    switch (kind) {
      case 'item':
        return String(item.id);
      case 'account':
      case 'user':
      case 'target':
        return item.sender ?? undefined;
      case 'room':
        return item.roomId ?? undefined;
      case 'event':
        return item.kind === 'event' && item.roomId !== null
          ? matrixToLink(item.roomId, item.subject)
          : undefined;
      case 'media':
        return mediaIn(item);
      case 'identity':
      case 'text':
      case 'word':
      case 'integer':
      case 'boolean':
      case 'choice':
      case 'duration':
      case 'date':
        return undefined;
    }
  };
}

function mediaIn({ content }: ReportItem): string | undefined {
  const { url } = readContent(content) ?? {};
  return typeof url === 'string' ? url : undefined;
}
