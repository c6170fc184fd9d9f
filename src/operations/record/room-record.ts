import type { Log } from '../../core/log.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { AuditLog } from '../../store/tables/audit/audit-log.ts';
import type { DataLoss } from '../../store/tables/data-loss.ts';
import { ofLostRows, restorationsIn } from '../../store/witness.ts';
import type { Restored, WrittenHead } from '../../store/witness.ts';
import { post } from '../answer/reply.ts';
import { lostEvent } from '../answer/stale.ts';
import { joinedAdmins } from '../authorize/authorize.ts';
import type { RoomPeople } from '../authorize/authorize.ts';
import { syntheticEvent } from '../management-room.ts';
import { alertAnswer, lostReply } from './data-loss-alert.ts';
import { enterLost } from './lost-answers.ts';
import type { EnterContext } from './lost-answers.ts';
import type { OwnMessage } from './own-message.ts';

/** Numbers after a gap continue from the next multiple of this, so that no number is used twice. */
const numberStep = 1000;

/** What comparing the database with the room needs. */
export type CompareContext = EnterContext &
  RoomPeople & {
    readonly store: Pick<Store, 'dataLoss' | 'transaction'>;
    readonly log: Pick<Log, 'warn'>;
  };

/**
 * Compares the database with the bot's own messages in the room, because a backup may have been restored,
 * or the database lost. What the room shows as answered is recorded as done. The admins are told, once,
 * what is missing in the database. Call this before anything is started.
 *
 * @param own the bot's messages that the database does not know, newest first
 * @param heads the newest heads of the audit log that the room shows, oldest first
 * @returns the restored database that the admins were told of
 * @throws StoreError nothing was recorded, and nothing may be started
 */
export async function compareWithRoom(
  context: CompareContext,
  own: readonly OwnMessage[],
  heads: readonly WrittenHead[] = [],
): Promise<Restored | undefined> {
  const now = context.now();
  const event = syntheticEvent(`room-record ${now}`);
  const found = await context.store.transaction(async (tables) => {
    // Before outcomes are added.
    const kept = (await tables.auditLog.end())?.count ?? 0;
    const cutOff = comparableHeads(heads, await tables.dataLoss.get()).findLast(
      ({ count: rows }) => rows > kept,
    );
    if (own.length === 0 && cutOff === undefined) {
      return undefined;
    }
    const lost = await enterLost(context, tables, own, now);
    const end = (await tables.auditLog.end()) ?? { count: 0, head: '' };
    const missing = missingEntries(own, end.count);
    const head =
      (await lostHead(tables.auditLog, own, end.count)) ??
      (cutOff && { count: cutOff.count, isOther: false });
    if (lost.answers.length === 0 && missing.size === 0 && head === undefined) {
      return undefined;
    }
    await recordGapFrom(tables, own, { now, missing, kept, cutOff });
    const isTelling = missing.size > 0 || lost.confirmations.length > 0 || head !== undefined;
    if (isTelling) {
      const firstItem = await skipNumbers(tables, own);
      const room = context.settings.managementRoom;
      const answer = alertAnswer({
        room,
        end: end.count,
        kept,
        missing,
        lost,
        head,
        firstItem,
        now,
      });
      await post(context, tables, 'alert', {
        kind: 'alert',
        origin: { event, room: context.settings.managementRoom },
        mentions: joinedAdmins(context),
        reply: { command: 'audit', status: 'failed', audit: [], answer },
      });
    }
    for (const confirmation of lost.confirmations) {
      await post(context, tables, 'lost', {
        kind: 'edit',
        origin: { event: confirmation.command, room: context.settings.managementRoom },
        reply: lostReply(confirmation.said),
      });
    }
    return { at: now, kept, told: isTelling };
  });
  if (found !== undefined) {
    const gap = await context.store.dataLoss.get();
    context.log.warn(
      { recordEndsAt: gap?.lastKept, roomShows: gap?.lastShown },
      'the room shows what is missing in the database: was a backup restored?',
    );
  }
  return found?.told === true ? found : undefined;
}

/** What the room shows and an audit log lacks. */
export interface MissingRecord {
  /** The last row of the log; 0 if it has none. */
  readonly end: number;
  /** The highest number that the room shows. */
  readonly shown: number;
  /** Whether the log has another row where the room shows a head: it was replaced or changed. */
  readonly isOther: boolean;
}

/**
 * Compares an audit log with the bot's own messages in the room, and changes nothing.
 *
 * @param own the bot's messages that the database does not know, newest first
 * @param heads the newest heads that the room shows, oldest first
 * @returns undefined if nothing is missing
 */
export async function findMissingRecord(
  {
    auditLog,
    dataLoss,
  }: {
    readonly auditLog: Pick<AuditLog, 'end' | 'hashOf'>;
    readonly dataLoss: Pick<Store['dataLoss'], 'get'>;
  },
  own: readonly OwnMessage[],
  heads: readonly WrittenHead[],
): Promise<MissingRecord | undefined> {
  const end = (await auditLog.end())?.count ?? 0;
  const missing = missingEntries(own, end);
  const head =
    (await lostHead(auditLog, own, end)) ??
    (await misfitOf(auditLog, comparableHeads(heads, await dataLoss.get()), end));
  return missing.size === 0 && head === undefined
    ? undefined
    : {
        end,
        shown: Math.max(end, head?.count ?? 0, ...missing.keys()),
        isOther: head?.isOther === true,
      };
}

/** The audit entries that answers name and that are not in the database, by number. */
function missingEntries(own: readonly OwnMessage[], end: number): ReadonlyMap<number, OwnMessage> {
  const found = new Map<number, OwnMessage>();
  // For each, the newest message about it.
  for (const message of own) {
    for (const id of message.answer?.audit ?? []) {
      if (id > end && !found.has(id)) {
        found.set(id, message);
      }
    }
  }
  return new Map([...found].sort(([one], [other]) => one - other));
}

/** The head of the audit log that was posted in the room, if it is not in the log. */
async function lostHead(
  auditLog: Pick<AuditLog, 'hashOf'>,
  own: readonly OwnMessage[],
  end: number,
): Promise<{ readonly count: number; readonly isOther: boolean } | undefined> {
  for (const { answer, replyTo } of own) {
    const { count: rows, head } = (answer?.data ?? {}) as { count?: unknown; head?: unknown };
    if (answer?.command === 'audit' && replyTo === undefined && typeof rows === 'number') {
      return (await auditLog.hashOf(rows)) === head
        ? undefined
        : { count: rows, isOther: rows <= end };
    }
  }
  return undefined;
}

/** The newest head that is not in the log. */
async function misfitOf(
  auditLog: Pick<AuditLog, 'hashOf'>,
  heads: readonly WrittenHead[],
  end: number,
): Promise<{ readonly count: number; readonly isOther: boolean } | undefined> {
  for (const { count: rows, head } of heads.toReversed()) {
    if ((await auditLog.hashOf(rows)) !== head) {
      return { count: rows, isOther: rows <= end };
    }
  }
  return undefined;
}

/** The heads except those of rows that an earlier restored database no longer has. */
function comparableHeads(
  heads: readonly WrittenHead[],
  loss: DataLoss | undefined,
): readonly WrittenHead[] {
  const lost = ofLostRows(heads, [
    ...restorationsIn(heads),
    ...(loss === undefined ? [] : [{ at: loss.foundAt, kept: loss.lastKept }]),
  ]);
  return heads.filter((head) => !lost.has(head));
}

/** Records the gap: commands from before it are not started, and no rule acts on older reports. */
async function recordGapFrom(
  { outbox, dataLoss, reportCards, reportItems }: StoreTables,
  own: readonly OwnMessage[],
  {
    now,
    missing,
    kept,
    cutOff,
  }: {
    now: number;
    missing: ReadonlyMap<number, unknown>;
    kept: number;
    cutOff: WrittenHead | undefined;
  },
): Promise<void> {
  await dataLoss.set({
    foundAt: now,
    lastMessageAt: Math.max(cutOff?.at ?? 0, ...own.map(({ sentAt }) => sentAt)),
    lastKept: kept,
    lastShown: Math.max(kept, cutOff?.count ?? 0, ...missing.keys()),
  });
  await reportItems.makeBacklog();
  await reportCards.skipRevisions();
  // Cards, edits and so on are marked as messages from before the gap.
  for (const { event } of own) {
    if ((await outbox.commandOf(event)) === undefined) {
      await outbox.remember(lostEvent(event), 'answer', event, now);
    }
  }
}

/** Skips report and timer numbers. @returns the number of the next report */
async function skipNumbers(
  { reportItems, operations }: StoreTables,
  own: readonly OwnMessage[],
): Promise<number> {
  const seen = own.map(({ answer }) => {
    const { id } = (answer?.data ?? {}) as { id?: unknown };
    return answer?.command === 'report' && typeof id === 'number' ? id : 0;
  });
  const past = Math.max(await reportItems.lastNumber(), ...seen);
  const next = Math.floor(past / numberStep + 1) * numberStep;
  await reportItems.skipNumbers(next);
  await operations.skipNumbers(
    (Math.floor((await operations.lastNumber()) / numberStep) + 1) * numberStep,
  );
  return next + 1;
}
