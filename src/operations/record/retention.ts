import { setImmediate as nextTurn } from 'node:timers/promises';

import { dayMs } from '../../core/duration.ts';
import type { RoomId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import { syntheticEvent } from '../management-room.ts';

/** How long the database keeps who something was about, and texts; undefined for ever. Milliseconds. */
export interface RetentionPeriods {
  /** Of entries of the audit log. */
  readonly entriesMs: number | undefined;
  /** Of reports, since they were closed. */
  readonly reportsMs: number | undefined;
}

interface RetentionContext {
  readonly store: Pick<Store, 'auditSearch' | 'personalData' | 'syncState' | 'transaction'>;
  readonly settings: { readonly managementRoom: RoomId };
  readonly log: Pick<Log, 'info'>;
  now(): number;
}

/** How far it has got; survives restarts. */
interface Progress {
  /** When all that was due had been forgotten. */
  readonly doneAt: number;
  /** The last row of the audit log that was looked at. */
  readonly lastRow: number;
  /** What was forgotten and has no audit entry yet. */
  readonly entries: number;
  readonly reports: number;
}

const progressName = 'retention';

async function progressIn({ syncState }: Pick<StoreTables, 'syncState'>): Promise<Progress> {
  const stored = await syncState.get(progressName);
  return stored === undefined
    ? { doneAt: 0, lastRow: 0, entries: 0, reports: 0 }
    : (JSON.parse(stored) as Progress);
}

/**
 * Forgets, once a day, who old entries and closed reports are about, and their texts. Who asked and who confirmed
 * stays. The audit log says how many there were.
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

  /** Forgets some more, and says whether there may be others. */
  async function forgetSome(
    some: (tables: StoreTables, before: Progress) => Promise<Progress | undefined>,
  ): Promise<boolean> {
    return store.transaction(async (tables) => {
      const next = await some(tables, await progressIn(tables));
      if (next !== undefined) {
        await tables.syncState.set(progressName, JSON.stringify(next));
      }
      return next !== undefined;
    });
  }

  const forgetEntries = async (tables: StoreTables, before: Progress) => {
    const end = now - (entriesMs ?? Number.POSITIVE_INFINITY);
    const found = await tables.personalData.forgetOldEntries(end, before.lastRow);
    return found && { ...before, lastRow: found.last, entries: before.entries + found.changed };
  };
  const forgetReports = async (tables: StoreTables, before: Progress) => {
    const end = now - (reportsMs ?? Number.POSITIVE_INFINITY);
    const count = await tables.personalData.forgetOldReports(end);
    return count === 0 ? undefined : { ...before, reports: before.reports + count };
  };
  const kinds = [
    ...(entriesMs === undefined ? [] : [forgetEntries]),
    ...(reportsMs === undefined ? [] : [forgetReports]),
  ];
  for (const kind of kinds) {
    while (await forgetSome(kind)) {
      await nextTurn();
    }
  }

  if ((await progressIn(store)).entries > 0) {
    await store.auditSearch.compact();
  }
  await store.transaction(async (tables) => {
    const { lastRow, entries, reports } = await progressIn(tables);
    await tables.syncState.set(
      progressName,
      JSON.stringify({ doneAt: now, lastRow, entries: 0, reports: 0 }),
    );
    if (entries + reports > 0) {
      const intent = await tables.auditLog.begin(
        {
          actor: 'retention',
          command: 'forget',
          arguments: { entries, reports },
          eventId: syntheticEvent(`retention ${now}`),
          roomId: settings.managementRoom,
        },
        now,
      );
      await tables.auditLog.finish(intent, { status: 'done' }, now);
      log.info({ entries, reports }, 'forgot what was kept long enough');
    }
  });
}
