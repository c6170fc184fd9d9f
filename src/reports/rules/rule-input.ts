import {
  parseEventId,
  parseRoomAlias,
  parseRoomId,
  parseUserId,
  serverNameOf,
} from '../../core/ids.ts';
import type { EventId, RoomAlias, RoomId, UserId } from '../../core/ids.ts';
import { readContent } from '../../services/reports/reported-content.ts';
import type { ReportedContent } from '../../services/reports/reported-content.ts';
import type { Store } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import type { Reliability, StoredReport } from '../../store/tables/reports/reports.ts';

/** One report, as rules see it. */
export interface ReportInput {
  readonly reporter: UserId;
  /** Milliseconds since 1970; null if it is not known. */
  readonly reporterCreatedAt: number | null;
  /** Deactivated, locked, suspended or shadow-banned. */
  readonly reporterRestricted: boolean;
  /** How many items that this person reported were resolved, and how many dismissed. */
  readonly reporterRecord: { readonly resolved: number; readonly dismissed: number };
  /** Milliseconds since 1970, by the homeserver's clock. */
  readonly receivedTs: number;
  readonly reason: string | null;
  readonly score: number | null;
}

/** An item of the queue, as rules see it at one moment. */
export interface RuleInput {
  readonly item: number;
  readonly kind: 'event' | 'user';
  /** Who is accused; null if that is not known. */
  readonly sender: UserId | null;
  /** Whether the account is on one of the homeservers. */
  readonly isSenderLocal: boolean;
  /** The homeserver of its newest report. Empty if it is not known. */
  readonly server: string;
  /** Milliseconds since 1970; null for accounts of other servers, and for unknown accounts. */
  readonly senderCreatedAt: number | null;
  readonly room: RoomId | null;
  readonly roomAlias: RoomAlias | null;
  readonly event: EventId | null;
  /** Null for a reported user, and if the message is gone. */
  readonly content: ReportedContent | null;
  /** How many earlier items there are about this sender. */
  readonly earlierItems: number;
  /** The names of the tags that are there now. */
  readonly senderTags: readonly string[];
  readonly roomTags: readonly string[];
  /** Oldest first. */
  readonly reports: readonly ReportInput[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Where what rules see is read: the store, or one transaction. */
export type RuleTables = Pick<Store, 'reports' | 'reportItems' | 'tags'>;

/** Reads what rules see of an item. */
export async function readRuleInput(
  store: RuleTables,
  item: ReportItem,
  { serverNames, now }: { readonly serverNames: readonly string[]; readonly now: number },
): Promise<RuleInput> {
  const stored = (await store.reports.ofItem(item.id)).filter(
    // A reopened item needs new reports: people have decided about the earlier ones.
    ({ seenAt }) => item.reopened === 0 || seenAt >= item.openedAt,
  );
  const records = new Map<string, Reliability>();
  for (const { reporter } of stored) {
    if (!records.has(reporter)) {
      records.set(reporter, await store.reports.reliability(reporter));
    }
  }
  const earlier = await store.reportItems.earlier(item);
  return ruleInputOf(item, stored, records, {
    serverNames,
    now,
    earlierItems: earlier.count,
    tagsOf: await readTags(store, item, now),
  });
}

/** Looks up the tags of the sender and of the room. */
async function readTags(
  { tags }: Pick<Store, 'tags'>,
  { sender, roomId }: ReportItem,
  now: number,
): Promise<(subject: string) => readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const subject of [sender, roomId]) {
    if (subject !== null) {
      found.set(
        subject,
        (await tags.of(subject, now)).map(({ name }) => name),
      );
    }
  }
  return (subject) => found.get(subject) ?? [];
}

const noRecord: Reliability = { resolved: 0, dismissed: 0 };

/** Makes the rule input of data that was read before. */
export function ruleInputOf(
  item: ReportItem,
  stored: readonly StoredReport[],
  records: ReadonlyMap<string, Reliability>,
  context: {
    /** Of our homeservers. */
    readonly serverNames: readonly string[];
    readonly now: number;
    readonly earlierItems: number;
    /** The names of the tags of a user or room at that time. */
    readonly tagsOf: (subject: string) => readonly string[];
  },
): RuleInput {
  const sender = item.sender === null ? undefined : parseUserId(item.sender);
  return {
    item: item.id,
    kind: item.kind,
    sender: sender ?? null,
    isSenderLocal: sender !== undefined && context.serverNames.includes(serverNameOf(sender) ?? ''),
    server: item.server,
    senderCreatedAt: item.senderCreatedAt,
    room: (item.roomId === null ? undefined : parseRoomId(item.roomId)) ?? null,
    roomAlias: (item.roomName === null ? undefined : parseRoomAlias(item.roomName)) ?? null,
    event: (item.kind === 'event' ? parseEventId(item.subject) : undefined) ?? null,
    content: readContent(item.content) ?? null,
    earlierItems: context.earlierItems,
    senderTags: item.sender === null ? [] : context.tagsOf(item.sender),
    roomTags: item.roomId === null ? [] : context.tagsOf(item.roomId),
    reports: stored.flatMap((report) => {
      const reporter = parseUserId(report.reporter);
      return reporter === undefined
        ? []
        : {
            reporter,
            reporterCreatedAt: report.reporterCreatedAt,
            reporterRestricted: report.reporterRestricted,
            reporterRecord: records.get(report.reporter) ?? noRecord,
            receivedTs: report.receivedTs,
            reason: report.reason,
            score: report.score,
          };
    }),
    now: context.now,
  };
}
