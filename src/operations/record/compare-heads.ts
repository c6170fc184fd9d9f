import type { Store } from '../../store/store.ts';
import type { Anchor } from '../../store/tables/audit/anchor.ts';
import {
  clockToleranceMs,
  isSameRestoration,
  ofLostRows,
  restorationsIn,
} from '../../store/witness.ts';
import type { Gone, Restored, Witness, WitnessReading, WrittenHead } from '../../store/witness.ts';

export type CompareHeadsContext = {
  readonly store: Pick<Store, 'dataLoss'>;
  /** The restored database that this process found at its start by what the room shows, and told there. */
  toldRestoration(): Restored | undefined;
  readonly now: () => number;
};

/** Whether an earlier process has found the restored database, and the room still shows that. */
export async function isToldInRoom(
  witnesses: readonly Witness[],
  restored: Restored,
): Promise<boolean> {
  const room = witnesses.find(({ kind }) => kind === 'management-room');
  const { told = [] } = (await room?.read('all')) ?? {};
  return told.some((one) => isSameRestoration(one, restored));
}

/** The latest time that the database was found to be older than the room, by its own account. */
export async function restorationOf(context: CompareHeadsContext): Promise<Restored | undefined> {
  const loss = await context.store.dataLoss.get();
  if (loss === undefined || loss.foundAt > context.now() + clockToleranceMs) {
    return undefined;
  }
  const restored = { at: loss.foundAt, kept: loss.lastKept };
  const told = context.toldRestoration();
  return told !== undefined && isSameRestoration(told, restored) ? told : restored;
}

/** A head that the log does not continue from. */
export async function misfitIn(
  { auditLog }: Pick<Store, 'auditLog'>,
  { heads }: Pick<WitnessReading, 'heads'>,
  restored: Restored | undefined,
): Promise<WrittenHead | undefined> {
  const lost = ofLostRows(heads, [
    ...restorationsIn(heads),
    ...(restored === undefined ? [] : [restored]),
  ]);
  for (const head of heads) {
    if (!lost.has(head) && (await auditLog.hashOf(head.count)) !== head.head) {
      return head;
    }
  }
  return undefined;
}

/**
 * The newest head, if the witness doesn't show it any more: the one that the bot remembers, or, because that is
 * only what the database says, one that was removed after the newest that is there.
 */
export async function goneFrom(
  { auditLog }: Pick<Store, 'auditLog'>,
  { heads, removed }: WitnessReading,
  before: Anchor | undefined,
): Promise<Gone | undefined> {
  if (before !== undefined && !heads.some(({ count: rows }) => rows >= before.count)) {
    return { count: before.count, at: before.at };
  }
  const newest = Math.max(-1, ...heads.map(({ at }) => at));
  const at = Math.max(-1, ...removed);
  const end = await auditLog.end();
  return at > newest && end !== undefined ? { count: end.count, at } : undefined;
}
