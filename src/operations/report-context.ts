import { matrixToLink } from '../chat/reading/references.ts';
import type { ArgumentKind } from '../chat/reading/values.ts';
import { readContent } from '../services/reports/reported-content.ts';
import type { ReportItem } from '../store/tables/report-items.ts';
import { itemOfCard } from './answer/card.ts';
import type { House } from './house.ts';
import type { Message } from './message.ts';

/** The item of the report queue that a message is about: it replies to its card, or stands in its thread. */
export async function itemFor(house: House, message: Message): Promise<ReportItem | undefined> {
  const { store } = house;
  const id =
    (await itemOfCard(store, message.replyTo)) ?? (await itemOfCard(store, message.thread));
  return id === undefined ? undefined : store.reportItems.get(id);
}

/** What stands for an argument that was left out of a command about a report. */
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
