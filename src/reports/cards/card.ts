import { bold, facts, line } from '../../chat/answers/answer.ts';
import type { Answer, Inline, Mark } from '../../chat/answers/answer.ts';
import { notedBriefly, notedLines } from '../../chat/answers/noted.ts';
import { count, dateTime } from '../../chat/answers/phrases.ts';
import {
  accusation,
  accused,
  circumstances,
  contentLines,
  linkTo,
  reasonsOf,
  stateOf,
  whatIsReported,
} from '../../chat/answers/report-item.ts';
import { inert, withoutLinks } from '../../chat/answers/untrusted-text.ts';
import { idWord } from '../../chat/reading/values.ts';
import { present } from '../../core/present.ts';
import type { ItemStory } from '../../services/services.ts';
import type { Digest } from '../../store/tables/reports/report-cards.ts';
import type { HistoryEntry } from '../../store/tables/reports/report-history.ts';
import { isClosed } from '../../store/tables/reports/report-items.ts';
import type { ItemState, ReportItem } from '../../store/tables/reports/report-items.ts';
import type { OfferedReaction } from './configured-reactions.ts';

const marks: Record<ItemState, Mark> = {
  open: '⚠️',
  claimed: '⏳',
  resolved: '✅',
  dismissed: 'ℹ️',
};

/** What a card shows besides the item. */
export interface CardContext {
  readonly nameOf: (actor: string) => string;
  /** The rules that only need more reporters, such as `rule x would act at 3 reporters (2 now)`. */
  readonly nearRules: readonly string[];
  /** What can be tapped, in order. */
  readonly reactions: readonly OfferedReaction[];
}

/** The card of an item: one message, which is edited when the item changes. */
export function cardOf(story: ItemStory, { nameOf, nearRules, reactions }: CardContext): Answer {
  const { item, reports } = story;
  const status = stateOf(item, nameOf, dateTime);
  const others = reasonsOf(reports).slice(1, 4);
  return {
    mark: marks[item.state],
    title: [bold(`Report #${item.id}: `, ...accusation(story)), ...accused(story)],
    body: [
      ...(status.length === 0 ? [] : [line(...status)]),
      ...contentLines(item, { isAskedFor: false }),
      circumstances(story, dateTime),
      ...notedLines(story.ofSender, dateTime),
      ...notedBriefly('The room', story.ofRoom, dateTime),
      ...linkTo(item),
      ...(others.length === 0
        ? []
        : [
            facts(
              'Other reasons',
              ...others.map(({ reason }): Inline[] => ['“', inert(reason, 60), '”']),
            ),
          ]),
      ...(nearRules.length === 0 || isClosed(item.state) ? [] : [line(nearRules.join(' · '))]),
      ...(isClosed(item.state) ? [] : [line(legendOf(reactions))]),
    ],
    ...(isClosed(item.state) ? {} : { next: [`report ${item.id}`] }),
    data: dataOf(story),
  };
}

function legendOf(reactions: readonly OfferedReaction[]): string {
  const words = reactions.map(({ emoji, label }) => `${emoji} ${label}`);
  return `${words.join(' · ')} · or reply with a command`;
}

function dataOf({ item, reporterCount, where }: ItemStory) {
  const { id, kind, subject, roomId, sender, state, reports, claimedBy, closedBy } = item;
  return {
    id,
    kind,
    subject,
    roomId,
    sender,
    state,
    reports,
    reporterCount,
    claimedBy,
    closedBy,
    ...(where.length === 0 ? {} : { homeservers: where }),
  };
}

/** Many items that came at once: one message, which is edited when there are more. */
export function digestOf({ items, reports, senders, topSenders, topRooms }: Digest): Answer {
  const list = (names: Digest['topSenders']) =>
    names.map(({ name, items: number }) => `${name ?? ''} (${number})`).join(', ');
  const rooms = topRooms.map((room) => ({ ...room, name: inert(room.name ?? '') }));
  const [top] = topSenders;
  return {
    mark: '⚠️',
    title: [
      bold(`${count(items, 'more item')} reported at once`),
      `, ${count(reports, 'report')} about ${senders === 1 ? '1 account' : `${senders} accounts`}: too many for single cards`,
    ],
    body: [
      ...(topSenders.length === 0 ? [] : [line(`Mostly about: ${list(topSenders)}`)]),
      ...(topRooms.length === 0 ? [] : [line(`Mostly in: ${list(rooms)}`)]),
      line('An item gets its card when it is claimed or shown.'),
    ],
    next: [
      'reports --state open',
      ...(top === undefined || top.name === null ? [] : [`reports --sender ${idWord(top.name)}`]),
    ],
    data: { items, reports, senders },
  };
}

/**
 * The reports from before the first start.
 *
 * @param where their homeserver, if there are several
 */
export function backlogOf(kind: ReportItem['kind'], total: number, where?: string): Answer {
  return {
    mark: 'ℹ️',
    title: [
      bold(
        count(
          total,
          kind === 'event' ? 'report of a message' : 'report of a user',
          kind === 'event' ? 'reports of messages' : 'reports of users',
        ),
      ),
      `${where === undefined ? ' from before my first start' : ` on ${where} from before I first read them`}: they are in the queue, without cards`,
    ],
    body: [line('Rules ignore them. New reports appear here automatically.')],
    next: ['reports', 'reports --since 1d', 'stats'],
    data: { kind, total, ...present({ homeserver: where }) },
  };
}

/**
 * Without this, a room without reports would look peaceful.
 *
 * @param where the homeserver, if there are several
 */
export function troubleOf(why: string, where?: string): Answer {
  return {
    mark: '⚠️',
    title: [bold(`Reports${ofServer(where)} can’t be read`), `: ${why}`],
    body: [
      line(
        `Until then no new reports${ofServer(where)} appear here. None are lost: I keep trying.`,
      ),
      line('Check that the bot is still a server admin and can reach the admin API.'),
    ],
    next: ['status'],
    data: { readable: false, ...present({ homeserver: where }) },
  };
}

export function troubleOver(where?: string): Answer {
  return {
    mark: '✅',
    title: [
      bold(`Reports${ofServer(where)} can be read again`),
      ': those that I missed will follow',
    ],
    data: { readable: true, ...present({ homeserver: where }) },
  };
}

const ofServer = (where: string | undefined) => (where === undefined ? '' : ` of ${where}`);

/** An entry of an item's history, for the thread of its card. */
export function noteOf(entry: HistoryEntry, nameOf: (actor: string) => string): Answer {
  const who = entry.actor === null ? 'somebody' : nameOf(entry.actor);
  switch (entry.kind) {
    case 'reopened':
      return {
        mark: '⚠️',
        title: [
          bold('Reported again'),
          ` by ${who}, after it was ${entry.detail ?? 'closed'}: now open`,
        ],
      };
    case 'claimed':
      return { mark: 'ℹ️', title: [bold(`Claimed by ${who}`)] };
    case 'released':
      return { mark: 'ℹ️', title: [bold(`Reopened by ${who}`)] };
    case 'resolved':
    case 'dismissed':
      return {
        mark: 'ℹ️',
        title: [
          bold(`${entry.kind === 'resolved' ? 'Resolved' : 'Dismissed'} by ${who}`),
          ...(entry.detail === null ? [] : [': ', withoutLinks(entry.detail)]),
        ],
      };
    case 'observed':
    case 'proposed':
      return {
        mark: 'ℹ️',
        title: [bold(`The ${who} matches`), ': in mode act it would have run'],
        body: [line(entry.detail ?? '')],
      };
  }
}

/**
 * Items that have been open or claimed for a long time.
 *
 * @param whereIs the homeserver of an item, if there are several
 */
export function reminderOf(
  items: readonly ReportItem[],
  afterText: string,
  whereIs: (item: ReportItem) => string | undefined,
): Answer {
  const shown = items.slice(0, 10);
  const [oldest] = items;
  return {
    mark: '⚠️',
    title: [bold(`${count(items.length, 'report')} open for more than ${afterText}`)],
    body: [
      {
        kind: 'list',
        items: shown.map((item): Inline[] => {
          const where = whereIs(item);
          return [
            bold(`#${item.id}`),
            ` ${item.state}, `,
            ...whatIsReported(item),
            where === undefined ? '' : `, reported on ${where}`,
          ];
        }),
      },
      ...(items.length > shown.length ? [line(`and ${items.length - shown.length} more`)] : []),
    ],
    next: [...(oldest === undefined ? [] : [`claim ${oldest.id}`]), 'reports'],
    data: { items: items.map(({ id }) => id) },
  };
}
