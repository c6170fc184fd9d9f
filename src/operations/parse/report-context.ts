import { matrixToLink } from '../../chat/reading/references.ts';
import type { ArgumentKind } from '../../chat/reading/values.ts';
import { readContent } from '../../services/reports/reported-content.ts';
import type { Store } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import { itemOfCard } from '../answer/card.ts';
import type { Message } from '../message.ts';

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
