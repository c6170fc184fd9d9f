import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer, Block } from '../../chat/answers/answer.ts';
import { count, dateTime, when } from '../../chat/answers/phrases.ts';
import { dayMs, hourMs, minuteMs } from '../../core/duration.ts';
import { LawspeakerError, codeOf, isRefusedForGood } from '../../core/errors.ts';
import type { EventId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { present } from '../../core/present.ts';
import { reasonOf } from '../../core/system-error.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { Anchor } from '../../store/tables/anchor.ts';
import type { ChainEnd } from '../../store/tables/audit-log.ts';
import { isOfLostRows, restorationsIn } from '../../store/witness.ts';
import type { Restored, Witness, WitnessReading, WrittenHead } from '../../store/witness.ts';
import { raiseAlarm } from '../answer/alarms.ts';
import { post } from '../answer/reply.ts';
import type { DeliverContext } from '../answer/reply.ts';
import type { RoomPeople } from '../authorize/authorize.ts';
import { syntheticEvent } from '../management-room.ts';
import type { Settings } from '../settings.ts';

/** What anchoring needs. */
export type AnchorContext = RoomPeople &
  DeliverContext & {
    readonly store: Pick<Store, 'anchor' | 'auditLog' | 'dataLoss' | 'transaction'>;
    readonly settings: Pick<Settings, 'managementRoom'>;
    readonly log: Pick<Log, 'warn'>;
    readonly witnesses: readonly Witness[];
    /** Heads are written after this many rows, or after this time if there are fewer. */
    readonly anchorEvery: { readonly rows: number; readonly ms: number };
    /** Whether people see heads now. */
    showsHeads(): boolean;
  };

/** A witness is compared this often even if there is nothing new. */
const compareEveryMs = hourMs;
const retryMs = 5 * minuteMs;

/**
 * Anchors the head of the audit log's chain: writes it where changing the database can't change it. Before that,
 * compares the log with the newest heads that are there. If the log does not continue from them, warns the
 * admins instead.
 *
 * @returns a function to be called often. It does nothing most of the time
 */
export function createAnchoring(context: AnchorContext): () => Promise<void> {
  /** When each witness is looked at next if nothing is due before; on the bot's clock. */
  const nextLooks = new Map<string, number>();
  const failing = new Set<string>();
  return async () => {
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
        canShow = (await anchorIn(context, witness, isDue)) && canShow;
        failing.delete(place);
        nextLooks.set(place, now + compareEveryMs);
      } catch (error) {
        canShow &&= witness.kind !== 'management-room';
        failing.add(place);
        nextLooks.set(place, now + retryMs);
        await reportFailure(context, witness, error);
      }
    }
    if (canShow && context.showsHeads()) {
      await showHead(context);
    }
  };
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
  witness: Witness,
  isDue: boolean,
): Promise<boolean> {
  const { store } = context;
  const { place } = witness;
  const now = context.now();
  const before = await store.anchor.get(place);
  const reading = await witness.read('newest');
  const loss = await store.dataLoss.get();
  const restored = loss && { at: loss.foundAt, kept: loss.lastKept };
  const misfit = await misfitIn(store, reading, restored);
  const vanished = vanishedFrom(reading, before);
  const fault = misfit ?? vanished;
  if (fault !== undefined && isPast(before?.warnedAt ?? 0, now)) {
    await warn(context, witness, fault, misfit === undefined ? 'removed' : 'misfit');
    await store.anchor.set({ ...(before ?? fault), warnedAt: now }, place);
  }
  if (misfit !== undefined) {
    return false;
  }
  const end = await store.auditLog.end();
  const isNews = restored !== undefined && !restorationsIn(reading.heads).some(isSame(restored));
  if (end !== undefined && (isDue || isNews || vanished !== undefined)) {
    await witness.write({ ...end, ...present({ restored }) });
    const { warnedAt = 0 } = (await store.anchor.get(place)) ?? {};
    await store.anchor.set({ ...end, at: now, warnedAt }, place);
  }
  return true;
}

const isSame = (one: Restored) => (other: Restored) => one.at === other.at;

/** A head that the log does not continue from. */
async function misfitIn(
  { auditLog }: Pick<Store, 'auditLog'>,
  { heads }: WitnessReading,
  restored: Restored | undefined,
): Promise<WrittenHead | undefined> {
  const restorations = [...restorationsIn(heads), ...(restored === undefined ? [] : [restored])];
  for (const head of heads) {
    if (!isOfLostRows(head, restorations) && (await auditLog.hashOf(head.count)) !== head.head) {
      return head;
    }
  }
  return undefined;
}

/** The newest head that the bot has written, if the witness doesn't show it any more. */
function vanishedFrom({ heads }: WitnessReading, before: Anchor | undefined): Anchor | undefined {
  const isThere = heads.some(({ count: rows }) => rows >= (before?.count ?? 0));
  return isThere ? undefined : before;
}

/** A day ago or more; a clock that was set back does not make it wait. */
function isPast(at: number, now: number): boolean {
  return Math.abs(now - at) >= dayMs;
}

async function warn(
  context: AnchorContext,
  witness: Witness,
  { count: rows, head, at }: Pick<WrittenHead, 'count' | 'head' | 'at'>,
  what: 'misfit' | 'removed',
): Promise<void> {
  const now = context.now();
  const where = witness.kind === 'management-room' ? 'here' : 'to the witness';
  const place: Block[] =
    witness.kind === 'management-room' ? [] : [line('Witness: ', code(witness.place))];
  const answer: Answer =
    what === 'misfit'
      ? {
          mark: '⚠️',
          title: [
            bold('The audit log was tampered with: '),
            `it doesn’t continue from the head that I posted ${where}`,
          ],
          body: [
            line(
              `Row ${rows.toLocaleString('en-US')}, posted ${where} ${when(at, now)}, is missing or different. Somebody has changed the database.`,
            ),
            ...place,
          ],
          next: ['audit verify'],
          data: { posted: { count: rows, head, at }, place: witness.place },
        }
      : {
          mark: '⚠️',
          title: [
            bold('A head of the audit log was removed: '),
            `the newest one that I posted ${where} is gone`,
          ],
          body: [
            line(
              `I posted ${count(rows, 'row')} at ${dateTime(at)}. Rows before it could have been changed unseen. I continue with a new head.`,
            ),
            ...place,
          ],
          next: ['audit verify'],
          data: { removed: { count: rows, head, at }, place: witness.place },
        };
  await raiseAlarm(context, `audit-head ${witness.place} ${now}`, answer);
}

/** Tells the admins once, until the witness works again: the management room itself can't be told. */
async function reportFailure(
  context: AnchorContext,
  { kind, place }: Witness,
  error: unknown,
): Promise<void> {
  context.log.warn(
    { code: codeOf(error), place },
    'the head of the audit log could not be anchored',
  );
  const isLasting = kind === 'file' ? error instanceof LawspeakerError : isRefusedForGood(error);
  if (kind === 'management-room' || !isLasting) {
    return;
  }
  const { at = 0 } = (await context.store.anchor.get(place)) ?? {};
  // The name stays the same until a head is written there again.
  await raiseAlarm(context, `audit-witness ${place} ${at}`, {
    mark: '⚠️',
    title: [bold('The witness of the audit log fails: '), reasonOf(error)],
    body: [
      line('Witness: ', code(place)),
      line(
        at === 0
          ? 'I have never written a head there.'
          : `The newest head there is from ${dateTime(at)}. Until it works again, only this room has newer ones.`,
      ),
      ...(error instanceof LawspeakerError && error.advice !== undefined
        ? [line(error.advice)]
        : []),
      line('I keep trying.'),
    ],
  });
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
    await tables.anchor.set({ ...end, at: now, warnedAt: 0 });
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
