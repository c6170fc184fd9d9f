import { setImmediate as nextTurn } from 'node:timers/promises';

import type { UserId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import { isClosed } from '../../store/tables/reports/report-items.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import { maxPeople } from '../../store/tables/reports/reports.ts';
import type { Reliability, StoredReport } from '../../store/tables/reports/reports.ts';
import type { Tag } from '../../store/tables/tags.ts';
import { ruleInputOf } from './rule-input.ts';
import type { RuleInput, ReportInput } from './rule-input.ts';

const rowsAtOnce = 500;

/** Everything that was ever reported. */
export interface ReplayData {
  readonly items: ReadonlyMap<number, ReportItem>;
  /** In the order in which the server received them. */
  readonly reports: readonly StoredReport[];
  /** All tags that senders and rooms have ever had. */
  readonly tags: readonly Tag[];
  /** The homeservers on which something was reported. */
  readonly serverNames: readonly string[];
}

/** Reads the report queue, to replay it. This works while the bot is running. */
export async function readReplayData(
  store: Pick<Store, 'reports' | 'reportItems' | 'tags'>,
): Promise<ReplayData> {
  const reports: StoredReport[] = [];
  for await (const page of pages(async (after: StoredReport | undefined) =>
    store.reports.inOrder(after, rowsAtOnce),
  )) {
    reports.push(...page);
  }
  const items = new Map<number, ReportItem>();
  for await (const page of pages(async (after: ReportItem | undefined) =>
    store.reportItems.search({}, { limit: rowsAtOnce, after }),
  )) {
    page.forEach((item) => items.set(item.id, item));
  }
  const subjects = new Set([...items.values()].flatMap(({ sender, roomId }) => [sender, roomId]));
  const tags: Tag[] = [];
  for await (const page of pages(async (after: Tag | undefined) =>
    store.tags.inOrder(after?.id ?? 0, rowsAtOnce),
  )) {
    tags.push(...page.filter(({ subject }) => subjects.has(subject)));
  }
  const serverNames = new Set(reports.map(({ server }) => server).filter(Boolean));
  return { items, reports, tags, serverNames: [...serverNames] };
}

/** Reads a list page by page. Others get their turn in between. */
async function* pages<Row>(
  pageAfter: (last: Row | undefined) => Promise<readonly Row[]>,
): AsyncGenerator<readonly Row[]> {
  let last: Row | undefined;
  for (;;) {
    const page = await pageAfter(last);
    yield page;
    last = page.at(-1);
    if (page.length < rowsAtOnce) {
      return;
    }
    await nextTurn();
  }
}

/**
 * Makes the input that rules would have had when each report came in. Call the result with every report,
 * in order. The input itself is only made when it is asked for.
 *
 * Reporters have the record that they had at that time. With later decisions, a rule would look wiser
 * than it was. The same is true of tags.
 */
export function createReplayInputs({
  items,
  reports,
  tags,
  serverNames,
}: ReplayData): (item: ReportItem, report: StoredReport) => () => RuleInput {
  const records = createRecords(items, reports);
  const earlierItems = createEarlierItems(items);
  const tagsAt = createTags(tags);
  const views = new Map<number, ItemView>();
  const noRecords = new Map<string, Reliability>();
  return (item, report) => {
    const now = report.receivedTs;
    const tagsOf = (subject: string) => tagsAt(subject, now);
    const context = { serverNames, now, earlierItems: earlierItems(item), tagsOf };
    const view =
      views.get(item.id) ??
      createItemView(ruleInputOf(item, [], noRecords, context), records, tagsAt);
    views.set(item.id, view);
    view.add(ruleInputOf({ ...item, content: null }, [report], noRecords, context).reports);
    let input: RuleInput | undefined;
    return () => (input ??= view.inputAt(now));
  };
}

/** The names of the tags that a user or room had at a time. */
type TagsAt = (subject: string, at: number) => readonly string[];

function createTags(tags: readonly Tag[]): TagsAt {
  const bySubject = Map.groupBy(tags, ({ subject }) => subject);
  return (subject, at) =>
    (bySubject.get(subject) ?? [])
      .filter(
        (tag) =>
          tag.at <= at &&
          at < (tag.expiresAt ?? Number.POSITIVE_INFINITY) &&
          at < (tag.removedAt ?? Number.POSITIVE_INFINITY),
      )
      .map(({ name }) => name);
}

/** How many earlier items there are about the sender of each item. */
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

interface ReporterRecords {
  /** Changes whenever a record may have changed. Ask in the order of time. */
  versionAt(at: number): number;
  recordAt(reporter: UserId, at: number): Reliability;
}

/** What had become of people's reports at any time. */
function createRecords(
  items: ReadonlyMap<number, ReportItem>,
  reports: readonly StoredReport[],
): ReporterRecords {
  const byReporter = new Map<string, Set<ReportItem>>();
  for (const { reporter, itemId } of reports) {
    const item = items.get(itemId);
    if (item?.closedAt !== null && item !== undefined) {
      const closed = byReporter.get(reporter) ?? new Set();
      byReporter.set(reporter, closed.add(item));
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
        if (closedAt !== null && closedAt <= at && isClosed(state)) {
          record[state] += 1;
        }
      }
      return record;
    },
  };
}

/** An item as it was, from one time to the next. */
interface ItemView {
  add(reports: readonly ReportInput[]): void;
  inputAt(at: number): RuleInput;
}

/** Each person's latest report counts; the sender's own do not. The store does the same. */
function createItemView(base: RuleInput, records: ReporterRecords, tagsAt: TagsAt): ItemView {
  /** The person who reported last comes last. */
  const reports = new Map<UserId, ReportInput>();
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
    inputAt(at) {
      const now = records.versionAt(at);
      // Unchanged reports stay the same objects: rules remember for each object whether it counts.
      for (const reporter of now === version ? changed : reports.keys()) {
        const report = reports.get(reporter);
        if (report !== undefined) {
          reports.set(reporter, withRecord(report, records.recordAt(reporter, at)));
        }
      }
      version = now;
      changed.clear();
      return {
        ...base,
        now: at,
        senderTags: base.sender === null ? [] : tagsAt(base.sender, at),
        roomTags: base.room === null ? [] : tagsAt(base.room, at),
        reports: [...reports.values()],
      };
    },
  };
}

function withRecord(report: ReportInput, record: Reliability): ReportInput {
  const { resolved, dismissed } = report.reporterRecord;
  return resolved === record.resolved && dismissed === record.dismissed
    ? report
    : { ...report, reporterRecord: record };
}
