import { bold, code } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { dayMs, minuteMs } from '../../core/duration.ts';
import { codeOf } from '../../core/errors.ts';
import type { EventId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { Anchor } from '../../store/tables/audit/anchor.ts';
import type { ChainEnd } from '../../store/tables/audit/audit-log.ts';
import { isSameRestoration, ofLostRows, restorationsIn } from '../../store/witness.ts';
import type { Witness } from '../../store/witness.ts';
import { post } from '../answer/reply.ts';
import { syntheticEvent } from '../management-room.ts';
import { createAnchorAlarms } from './anchor-alarms.ts';
import type { AnchorAlarmContext, AnchorAlarms } from './anchor-alarms.ts';
import { goneFrom, isToldInRoom, misfitIn, restorationOf } from './compare-heads.ts';
import type { CompareHeadsContext } from './compare-heads.ts';
import { compareEveryMs, createFormerComparison, lostFormerHead } from './former-heads.ts';
import type { FormerHeadsContext } from './former-heads.ts';

/** What anchoring needs. */
export type AnchorContext = AnchorAlarmContext &
  CompareHeadsContext &
  FormerHeadsContext & {
    readonly store: Pick<Store, 'transaction'>;
    readonly witnesses: readonly Witness[];
    /** Heads are written after this many rows, or after this time if there are fewer. */
    readonly anchorEvery: { readonly rows: number; readonly ms: number };
    /** Whether people see heads now. */
    showsHeads(): boolean;
  };

const retryMs = 5 * minuteMs;

/**
 * Anchors the head of the audit log's chain: writes it where changing the database can't change it. Before that,
 * compares the log with the newest heads that are there. If the log does not continue from them, warns the
 * admins, and says so in the heads that it goes on writing.
 *
 * Once a day, it verifies the whole log.
 *
 * @returns a function to be called often. It does nothing most of the time
 */
export function createAnchoring(context: AnchorContext): (signal: AbortSignal) => Promise<void> {
  /** When each witness is looked at next if nothing is due before; on the bot's clock. */
  const nextLooks = new Map<string, number>();
  const failing = new Set<string>();
  const alarms = createAnchorAlarms(context);
  const compareFormer = createFormerComparison(context, alarms);
  let verifiedAt = 0;
  return async (signal) => {
    let canShow = true;
    for (const witness of context.witnesses) {
      const { place } = witness;
      const now = context.now();
      const nextLook = nextLooks.get(place) ?? 0;
      const isDue = await isHeadDue(context, await context.store.anchor.get(place));
      if (now < nextLook && (!isDue || failing.has(place)) && nextLook - now <= compareEveryMs) {
        continue;
      }
      try {
        canShow = (await anchorIn(context, alarms, witness, isDue)) && canShow;
        failing.delete(place);
        nextLooks.set(place, now + compareEveryMs);
        alarms.works(place);
      } catch (error) {
        canShow &&= witness.kind !== 'management-room';
        failing.add(place);
        nextLooks.set(place, now + retryMs);
        context.log.warn(
          { code: codeOf(error), place },
          'the head of the audit log could not be anchored',
        );
        const before = await context.store.anchor.get(place);
        const dueSince = isDue ? await dueTime(context, before) : undefined;
        await alarms.fails(witness, error, { before, dueSince });
      }
    }
    if (canShow && context.showsHeads()) {
      await showHead(context);
    }
    await compareFormer();
    const now = context.now();
    if (isPast(verifiedAt, now)) {
      verifiedAt = now;
      await verifyWhole(context, alarms, signal);
    }
  };
}

/** Computes all hashes anew: comparing heads only looks at those that are stored. */
async function verifyWhole(
  { store }: AnchorContext,
  alarms: AnchorAlarms,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { count: rows, fault } = await store.auditLog.verify([], signal);
    if (fault !== undefined) {
      await alarms.fault(fault, rows);
    }
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}

/** When the first row was written that no head there covers. */
async function dueTime(
  { store: { auditLog } }: AnchorContext,
  before: Anchor | undefined,
): Promise<number | undefined> {
  return auditLog.timeOf((before?.count ?? 0) + 1);
}

/** Whether a head is to be written. A clock that was set back does not make it wait. */
async function isHeadDue(
  { store, anchorEvery, now }: AnchorContext,
  before: Anchor | undefined,
): Promise<boolean> {
  const end = await store.auditLog.end();
  if (end === undefined || end.head === before?.head) {
    return false;
  }
  return (
    before === undefined ||
    Math.abs(end.count - before.count) >= anchorEvery.rows ||
    Math.abs(now() - before.at) >= anchorEvery.ms
  );
}

/** @returns whether the log fits what the witness shows */
async function anchorIn(
  context: AnchorContext,
  alarms: AnchorAlarms,
  witness: Witness,
  isDue: boolean,
): Promise<boolean> {
  const { store } = context;
  const { place } = witness;
  const room = await witness.findRoom?.();
  const before = await store.anchor.get(room ?? place);
  const reading = await witness.read('newest');
  const restored = await restorationOf(context);
  const isNews =
    restored !== undefined &&
    !restorationsIn(reading.heads).some((one) => isSameRestoration(one, restored));
  const misfit = await misfitIn(store, reading, restored);
  if (misfit !== undefined) {
    await alarms.misfit(witness, misfit);
  }
  const after = await goneFrom(store, reading, before);
  if (after !== undefined) {
    await alarms.removed(witness, after);
  }
  const end = await store.auditLog.end();
  const lostBefore = before === undefined ? await lostFormerHead(context) : undefined;
  if (end !== undefined && (isDue || isNews || before === undefined || after !== undefined)) {
    const lost = restored === undefined ? 0 : ofLostRows(reading.heads, [restored]).size;
    const isTold =
      restored?.told === true ||
      (isNews && lost > 0 && (await isToldInRoom(context.witnesses, restored)));
    if (isNews && lost > 0 && !isTold) {
      // Somebody may have written this into the database, to excuse a log that they have rewritten.
      await alarms.restored(witness, restored, lost);
    }
    await witness.write({
      ...end,
      ...present({
        restored: restored && isTold ? { ...restored, told: true } : restored,
        after: after ?? lostBefore,
        misfit: misfit && { count: misfit.count },
      }),
    });
    const anchor = { ...end, at: context.now() };
    await store.anchor.set(anchor, place);
    if (room !== undefined) {
      // Once the alias names another room, heads in this one are still compared.
      await store.anchor.set(anchor, room);
    }
  }
  return misfit === undefined;
}

/** A day ago or more; a clock that was set back does not make it wait. */
function isPast(at: number, now: number): boolean {
  return Math.abs(now - at) >= dayMs;
}

/** Shows the head to people, once a day if there are new rows: they keep it in mind, or in notifications. */
async function showHead(context: AnchorContext): Promise<void> {
  const now = context.now();
  const event = syntheticEvent(`audit-head ${now}`);
  const isPosted = await context.store.transaction(async (tables) => {
    const before = await tables.anchor.get();
    if (before !== undefined && !isPast(before.at, now)) {
      return false;
    }
    const end = await tables.auditLog.end();
    if (end === undefined || end.count === before?.count) {
      return false;
    }
    await tables.anchor.set({ ...end, at: now });
    await postHead(context, tables, event, end);
    return true;
  });
  if (isPosted) {
    context.deliver(event);
  }
}

async function postHead(
  context: AnchorContext,
  tables: StoreTables,
  event: EventId,
  { count: rows, head }: ChainEnd,
): Promise<void> {
  await post(context, tables, 'alert', {
    kind: 'alert',
    origin: { event, room: context.settings.managementRoom },
    mentions: [],
    reply: {
      command: 'audit',
      status: 'done',
      audit: [],
      answer: {
        mark: 'ℹ️',
        title: [bold('Audit log: '), `${count(rows, 'row')}, head `, code(`${head.slice(0, 12)}…`)],
        data: { count: rows, head },
      },
    },
  });
}
