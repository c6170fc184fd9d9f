import {
  parseEventId,
  parseRoomAlias,
  parseRoomId,
  parseUserId,
  serverNameOf,
} from '../../core/ids.ts';
import { readContent } from '../../services/reports/reported-content.ts';
import type { Store } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import type { Reliability, StoredReport } from '../../store/tables/reports.ts';
import type { RuleInput } from './rule-input.ts';

/** What rules see of an item, with all its reports so far. */
export async function readRuleInput(
  store: Pick<Store, 'reports' | 'reportItems'>,
  item: ReportItem,
  { serverName, now }: { readonly serverName: string; readonly now: number },
): Promise<RuleInput> {
  const stored = (await store.reports.ofItem(item.id)).filter(
    // What people have decided about already proves nothing a second time.
    ({ seenAt }) => item.reopened === 0 || seenAt >= item.openedAt,
  );
  const records = new Map<string, Reliability>();
  for (const { reporter } of stored) {
    if (!records.has(reporter)) {
      records.set(reporter, await store.reports.reliability(reporter));
    }
  }
  const earlier = await store.reportItems.earlier(item);
  return factsFrom(item, stored, records, { serverName, now, earlierItems: earlier.length });
}

const noRecord: Reliability = { resolved: 0, dismissed: 0 };

/** The same of what is at hand. */
export function factsFrom(
  item: ReportItem,
  stored: readonly StoredReport[],
  records: ReadonlyMap<string, Reliability>,
  around: { readonly serverName: string; readonly now: number; readonly earlierItems: number },
): RuleInput {
  const sender = item.sender === null ? undefined : parseUserId(item.sender);
  return {
    item: item.id,
    kind: item.kind,
    sender: sender ?? null,
    isSenderLocal: sender !== undefined && serverNameOf(sender) === around.serverName,
    senderCreatedAt: item.senderCreatedAt,
    room: (item.roomId === null ? undefined : parseRoomId(item.roomId)) ?? null,
    roomAlias: (item.roomName === null ? undefined : parseRoomAlias(item.roomName)) ?? null,
    event: (item.kind === 'event' ? parseEventId(item.subject) : undefined) ?? null,
    content: readContent(item.content) ?? null,
    earlierItems: around.earlierItems,
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
    now: around.now,
  };
}
