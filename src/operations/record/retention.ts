import { setImmediate as nextTurn } from 'node:timers/promises';

import { z } from 'zod';

import { dayMs } from '../../core/duration.ts';
import type { RoomId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import { forgetCommand } from '../../store/tables/audit/audit-chain.ts';
import { syntheticEvent } from '../management-room.ts';

/** How long the database keeps who something was about, and texts; undefined for ever. Milliseconds. */
export interface RetentionPeriods {
  /** Of entries of the audit log, of operations, and of notes that were removed and tags that ended. */
  readonly entriesMs: number | undefined;
  /** Of reports, since they were closed. */
  readonly reportsMs: number | undefined;
}

interface RetentionContext {
  readonly store: Pick<Store, 'auditSearch' | 'syncState' | 'transaction'>;
  readonly settings: { readonly managementRoom: RoomId };
  readonly log: Pick<Log, 'info'>;
  now(): number;
}

/** How far it has got; survives restarts. */
const progressForm = z.object({
  /** When all that was due had been forgotten. */
  doneAt: z.number(),
  /** The last row of the audit log, and the last operation, that were forgotten. */
  lastRow: z.number(),
  lastOperation: z.number(),
  /** The audit entry that is not finished. */
  entry: z.number().optional(),
  /** What was forgotten since that was begun. */
  entries: z.number(),
  reports: z.number(),
});
type Progress = z.infer<typeof progressForm>;

const progressName = 'retention';
const start: Progress = { doneAt: 0, lastRow: 0, lastOperation: 0, entries: 0, reports: 0 };

/** It begins anew if somebody has damaged what was stored: what is forgotten is found again. */
async function progressIn({ syncState }: Pick<StoreTables, 'syncState'>): Promise<Progress> {
  try {
    return progressForm.parse(JSON.parse((await syncState.get(progressName)) ?? 'null'));
  } catch {
    return start;
  }
}

/** What one step has forgotten; undefined if there was nothing left. */
type Step = (
  tables: StoreTables,
  progress: Progress,
) => Promise<
  { readonly next: Partial<Progress>; readonly left?: Readonly<Record<string, string>> } | undefined
>;

/**
 * Forgets, once a day, who old entries and closed reports are about, and their texts. Who asked and who confirmed
 * stays. The audit log has an entry for it, which vouches for what is left of others.
 *
 * @throws StoreError the rest is forgotten later
 */
export async function applyRetention(
  context: RetentionContext,
  { entriesMs, reportsMs }: RetentionPeriods,
): Promise<void> {
  const { store, settings, log } = context;
  const now = context.now();
  const { doneAt } = await progressIn(store);
  // A clock that was set back does not make it wait.
  if (Math.abs(now - doneAt) < dayMs) {
    return;
  }

  async function entryIn({ auditLog }: StoreTables, { entry }: Progress): Promise<number> {
    return (
      entry ??
      auditLog.begin(
        {
          actor: 'retention',
          command: forgetCommand,
          arguments: {},
          eventId: syntheticEvent(`retention ${now}`),
          roomId: settings.managementRoom,
        },
        now,
      )
    );
  }

  /** Forgets some more, and says whether there may be others. */
  async function take(step: Step): Promise<boolean> {
    return store.transaction(async (tables) => {
      const before = await progressIn(tables);
      const result = await step(tables, before);
      if (result === undefined) {
        return false;
      }
      const { left = {}, next } = result;
      let progress = { ...before, ...next };
      const hasForgotten = progress.entries + progress.reports > before.entries + before.reports;
      if (hasForgotten || Object.keys(left).length > 0) {
        const entry = await entryIn(tables, before);
        progress = { ...progress, entry };
        if (Object.keys(left).length > 0) {
          await tables.auditLog.finish(entry, { status: 'running', detail: { left } }, now);
        }
      }
      await tables.syncState.set(progressName, JSON.stringify(progress));
      return true;
    });
  }

  for (const step of [
    ...(entriesMs === undefined
      ? []
      : [
          entriesUntil(now - entriesMs),
          operationsUntil(now - entriesMs),
          notesUntil(now - entriesMs),
        ]),
    ...(reportsMs === undefined ? [] : [reportsUntil(now - reportsMs)]),
  ]) {
    while (await take(step)) {
      await nextTurn();
    }
  }

  if ((await progressIn(store)).entries > 0) {
    await store.auditSearch.compact();
  }
  await store.transaction(async (tables) => {
    const { entry, entries, reports, ...rest } = await progressIn(tables);
    const next: Progress = { ...rest, doneAt: now, entries: 0, reports: 0 };
    await tables.syncState.set(progressName, JSON.stringify(next));
    if (entry !== undefined) {
      const detail = { entries, reports };
      await tables.auditLog.finish(entry, { status: 'done', detail }, now);
      log.info(detail, 'forgot what was kept long enough');
    }
  });
}

const entriesUntil =
  (end: number): Step =>
  async ({ retention }, { lastRow, entries }) => {
    const found = await retention.forgetOldEntries(end, lastRow);
    return (
      found && { next: { lastRow: found.last, entries: entries + found.count }, left: found.left }
    );
  };

const operationsUntil =
  (end: number): Step =>
  async ({ retention }, { lastOperation }) => {
    const last = await retention.forgetOldOperations(end, lastOperation);
    return last === undefined ? undefined : { next: { lastOperation: last } };
  };

/** Few enough rows that nothing else waits long. */
const notesAtOnce = 500;

/** Notes that were removed, and tags that ended. The audit log has entries of both. */
const notesUntil =
  (end: number): Step =>
  async ({ notes, tags }) => {
    const count =
      (await notes.deleteRemovedUntil(end, notesAtOnce)) +
      (await tags.deleteEndedUntil(end, notesAtOnce));
    return count === 0 ? undefined : { next: {} };
  };

const reportsUntil =
  (end: number): Step =>
  async ({ retention }, { reports }) => {
    const count = await retention.forgetOldReports(end);
    return count === 0 ? undefined : { next: { reports: reports + count } };
  };
