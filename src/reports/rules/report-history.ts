import { parseUserId, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import { maxPeople } from '../../store/tables/reports.ts';
import type { Reliability, StoredReport } from '../../store/tables/reports.ts';
import { factsFrom } from './read-rule-input.ts';
import type { RuleInput, RuleReport } from './rule-input.ts';

const itemsAtOnce = 1000;

/** All that was ever reported. */
export interface ReportHistory {
  readonly items: ReadonlyMap<number, ReportItem>;
  /** In the order in which the server received them. */
  readonly reports: readonly StoredReport[];
  /** This homeserver's name; undefined where nothing was reported. */
  readonly serverName: string | undefined;
}

/** Reads the report queue, to replay it. It can be read while the bot is at work. */
export async function readHistory(
  store: Pick<Store, 'reports' | 'reportItems'>,
): Promise<ReportHistory> {
  const reports = await store.reports.since(0);
  const items = new Map<number, ReportItem>();
  for (let after: ReportItem | undefined; ;) {
    const page = await store.reportItems.search({}, { limit: itemsAtOnce, after });
    page.forEach((item) => items.set(item.id, item));
    after = page.at(-1);
    if (page.length < itemsAtOnce) {
      break;
    }
  }
  // Only accounts of this homeserver can report to it.
  const reporter = reports.map((report) => parseUserId(report.reporter)).find(Boolean);
  return { items, reports, serverName: reporter && serverNameOf(reporter) };
}

/**
 * Items as rules would have seen them when each report came in. To be asked about all reports in their
 * order; the facts are put together where they are wanted alone.
 *
 * Reporters have the record that they had then: what people have settled since would make a rule look
 * wiser than it is.
 */
export function createPast({
  items,
  reports,
  serverName = '',
}: ReportHistory): (item: ReportItem, report: StoredReport) => () => RuleInput {
  const settlements = createSettlements(items, reports);
  const earlierItems = createEarlierItems(items);
  const views = new Map<number, ItemView>();
  const noRecords = new Map<string, Reliability>();
  return (item, report) => {
    const now = report.receivedTs;
    const around = { serverName, now, earlierItems: earlierItems(item) };
    const view =
      views.get(item.id) ?? createItemView(factsFrom(item, [], noRecords, around), settlements);
    views.set(item.id, view);
    view.add(factsFrom({ ...item, content: null }, [report], noRecords, around).reports);
    let facts: RuleInput | undefined;
    return () => (facts ??= view.factsAt(now));
  };
}

/** How many items there were about the same sender before each. */
function createEarlierItems(items: ReadonlyMap<number, ReportItem>): (item: ReportItem) => number {
  const places = new Map<number, number>();
  const bySender = new Map<string, number>();
  for (const { id, sender } of [...items.values()].sort((one, other) => one.id - other.id)) {
    if (sender !== null) {
      const before = bySender.get(sender) ?? 0;
      places.set(id, before);
      bySender.set(sender, before + 1);
    }
  }
  return ({ id }) => places.get(id) ?? 0;
}

interface Settlements {
  /** Another whenever anybody's record may be; to be asked in the order of time. */
  versionAt(at: number): number;
  recordAt(reporter: UserId, at: number): Reliability;
}

/** What people's reports had come to at any time. */
function createSettlements(
  items: ReadonlyMap<number, ReportItem>,
  reports: readonly StoredReport[],
): Settlements {
  const byReporter = new Map<string, Set<ReportItem>>();
  for (const { reporter, itemId } of reports) {
    const item = items.get(itemId);
    if (item?.closedAt !== null && item !== undefined) {
      const settled = byReporter.get(reporter) ?? new Set();
      byReporter.set(reporter, settled.add(item));
    }
  }
  const times = [...items.values()]
    .map(({ closedAt }) => closedAt)
    .filter((closedAt) => closedAt !== null)
    .sort((one, other) => one - other);
  let version = 0;
  return {
    versionAt(at) {
      while ((times[version] ?? Number.POSITIVE_INFINITY) <= at) {
        version += 1;
      }
      return version;
    },
    recordAt(reporter, at) {
      const record = { resolved: 0, dismissed: 0 };
      for (const { state, closedAt } of byReporter.get(reporter) ?? []) {
        if (
          closedAt !== null &&
          closedAt <= at &&
          (state === 'resolved' || state === 'dismissed')
        ) {
          record[state] += 1;
        }
      }
      return record;
    },
  };
}

/** An item as it was at one time after the other. */
interface ItemView {
  add(reports: readonly RuleReport[]): void;
  factsAt(at: number): RuleInput;
}

/** As when reports come in: one report of each person counts, their newest, and none of the sender's. */
function createItemView(base: RuleInput, settlements: Settlements): ItemView {
  /** The person who reported last stands last. */
  const reports = new Map<UserId, RuleReport>();
  const changed = new Set<UserId>();
  let version = -1;
  return {
    add(more) {
      for (const report of more) {
        if (report.reporter !== base.sender) {
          reports.delete(report.reporter);
          reports.set(report.reporter, report);
          changed.add(report.reporter);
        }
      }
      for (const reporter of reports.keys()) {
        if (reports.size <= maxPeople) {
          break;
        }
        reports.delete(reporter);
      }
    },
    factsAt(at) {
      const now = settlements.versionAt(at);
      // Those that are as they were stay the same objects, about which rules remember what they found.
      for (const reporter of now === version ? changed : reports.keys()) {
        const report = reports.get(reporter);
        if (report !== undefined) {
          reports.set(reporter, withRecord(report, settlements.recordAt(reporter, at)));
        }
      }
      version = now;
      changed.clear();
      return { ...base, now: at, reports: [...reports.values()] };
    },
  };
}

function withRecord(report: RuleReport, record: Reliability): RuleReport {
  const { resolved, dismissed } = report.reporterRecord;
  return resolved === record.resolved && dismissed === record.dismissed
    ? report
    : { ...report, reporterRecord: record };
}
