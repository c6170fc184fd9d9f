import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Store } from '../../store/store.ts';
import type { AuditEntry } from '../../store/tables/audit/audit-log.ts';
import type { Operation } from '../../store/tables/operations/operations.ts';
import type { Timer } from '../../store/tables/operations/timers.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import type { Reliability } from '../../store/tables/reports/reports.ts';
import type {
  OwnReport,
  PastConfirmation,
  Subject,
  SubjectCounts,
  SubjectCursor,
} from '../../store/tables/subject-history.ts';

/** One thing that is known about a user or room. */
export type SubjectEntry = { readonly cursor: SubjectCursor } & (
  | {
      readonly kind: 'action';
      readonly entry: AuditEntry;
      /** The operation that it belongs to; undefined for older entries and refusals. */
      readonly operation: number | undefined;
      /** It made a note that is not there any more. */
      readonly isRemoved: boolean;
    }
  | { readonly kind: 'item'; readonly item: ReportItem }
  | { readonly kind: 'reporting'; readonly item: ReportItem; readonly report: OwnReport }
  | { readonly kind: 'confirmation'; readonly confirmation: PastConfirmation }
  | { readonly kind: 'timer'; readonly timer: Timer }
  | { readonly kind: 'operation'; readonly operation: Operation }
);

/** How much is known. */
export interface SubjectSummary extends SubjectCounts {
  /** How the user's own reports ended; undefined for a room. */
  readonly reliability: Reliability | undefined;
}

export type { Subject, SubjectCursor } from '../../store/tables/subject-history.ts';
export { subjectSources } from '../../store/tables/subject-history.ts';

type Tables = Pick<
  Store,
  'auditLog' | 'notes' | 'operations' | 'timers' | 'reportItems' | 'reports' | 'subjectHistory'
>;

/** Everything that the database knows about a user or room, by time. */
export function createHistoryService(store: Tables) {
  return {
    async summary(subject: Subject): Promise<SubjectSummary> {
      const counts = await store.subjectHistory.counts(subject);
      const reliability =
        subject.kind === 'user' ? await store.reports.reliability(subject.id) : undefined;
      // A page is read next. Other work gets its turn in between.
      await nextTurn();
      return { ...counts, reliability };
    },

    /** A part of the list, the newest entry first, and the length of the whole list. */
    async page(
      subject: Subject,
      page: { readonly limit: number; readonly after?: SubjectCursor | undefined },
    ): Promise<{ readonly entries: readonly SubjectEntry[]; readonly total: number }> {
      const { cursors, total } = await store.subjectHistory.page(subject, page);
      const entries = await Promise.all(
        cursors.map(async (cursor) => entryOf(store, subject, cursor)),
      );
      return { entries: entries.filter((entry) => entry !== undefined), total };
    },

    /** When the latest entries were, and of which kind they are; the newest first. */
    async times(subject: Subject, limit: number): Promise<readonly SubjectCursor[]> {
      // A page was read before. Other work gets its turn in between.
      await nextTurn();
      return (await store.subjectHistory.page(subject, { limit })).cursors;
    },
  };
}

async function entryOf(
  store: Tables,
  subject: Subject,
  cursor: SubjectCursor,
): Promise<SubjectEntry | undefined> {
  switch (cursor.source) {
    case 'action': {
      const entry = await store.auditLog.get(cursor.id);
      const operation = entry && (await store.operations.byEvent(entry.eventId));
      const isRemoved = entry !== undefined && (await isRemovedNote(store, entry));
      return entry && { cursor, kind: 'action', entry, operation: operation?.id, isRemoved };
    }
    case 'item': {
      const item = await store.reportItems.get(cursor.id);
      return item && { cursor, kind: 'item', item };
    }
    case 'reporting': {
      const item = await store.reportItems.get(cursor.id);
      const report = await store.subjectHistory.ownReport(subject.id, cursor.id);
      return item && report && { cursor, kind: 'reporting', item, report };
    }
    case 'confirmation': {
      const confirmation = await store.subjectHistory.confirmation(cursor.id);
      return confirmation && { cursor, kind: 'confirmation', confirmation };
    }
    case 'timer': {
      const timer = await store.timers.get(cursor.id);
      return timer && { cursor, kind: 'timer', timer };
    }
    case 'operation': {
      const operation = await store.operations.get(cursor.id);
      return operation && { cursor, kind: 'operation', operation };
    }
  }
}

async function isRemovedNote(
  { notes }: Pick<Tables, 'notes'>,
  { command, status, eventId, target }: AuditEntry,
): Promise<boolean> {
  return (
    command === 'note' &&
    status === 'done' &&
    target !== null &&
    !(await notes.isThere(eventId, target))
  );
}

export type HistoryService = ReturnType<typeof createHistoryService>;
