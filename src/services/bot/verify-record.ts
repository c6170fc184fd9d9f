import { LawspeakerError } from '../../core/errors.ts';
import { reasonOf } from '../../core/system-error.ts';
import type { Store } from '../../store/store.ts';
import type { ChainEnd, Verification } from '../../store/tables/audit-log.ts';
import { isOfLostRows, restorationsIn } from '../../store/witness.ts';
import type { Restored, Witness, WitnessReading, WrittenHead } from '../../store/witness.ts';

/** What comparing with one witness gives. */
export interface Compared {
  readonly kind: Witness['kind'];
  readonly place: string;
  /** How many heads were compared. */
  readonly heads: number;
  /** The newest head that fits the chain. */
  readonly newest: WrittenHead | undefined;
  /** The first head that doesn't. */
  readonly misfit: WrittenHead | undefined;
  /** Heads of rows that a restored database no longer has: they can't be compared. */
  readonly ofLostRows: number;
  /** How many heads somebody has removed. */
  readonly removed: number;
  /** The newest head that the bot remembers writing there, if it is not there any more. */
  readonly vanished: ChainEnd | undefined;
  readonly unreadable: number;
  readonly isWhole: boolean;
  /** Why it couldn't be read. */
  readonly failure: string | undefined;
}

/** The result of checking the audit log and comparing it with its witnesses. */
export interface Verified extends Verification {
  readonly witnesses: readonly Compared[];
  /** The newest head of all witnesses that fits. */
  readonly anchored: WrittenHead | undefined;
  /** Rows after that head: whether somebody cuts them off can't be seen. `since` is the time of the first. */
  readonly unanchored:
    | { readonly from: number; readonly to: number; readonly since: number }
    | undefined;
  readonly restorations: readonly Restored[];
  /** Whether a witness is missing, or heads that might not fit: then "intact" would be too much. */
  readonly isIncomplete: boolean;
}

/**
 * Checks the hash chain, and compares it with every head that its witnesses show. The database's own copy of
 * what was written there proves nothing, because whoever changes the database can change it, too; it only tells
 * what is missing.
 */
export async function verifyRecord(
  { auditLog, anchor }: Pick<Store, 'anchor' | 'auditLog'>,
  witnesses: readonly Witness[],
): Promise<Verified> {
  const readings = await Promise.all(witnesses.map(readingOf));
  const all = readings.flatMap(({ reading }) => reading.heads);
  const restorations = restorationsIn(all);
  const isComparable = (head: WrittenHead) => !isOfLostRows(head, restorations);
  const copies = await Promise.all(witnesses.map(async ({ place }) => anchor.get(place)));
  const shown = await anchor.get();
  const verification = await auditLog.verify([
    ...all.filter(isComparable),
    ...[shown, ...copies].flatMap((copy) => copy ?? []),
  ]);
  const { count, fault } = verification;
  const compared = readings.map(({ witness, reading, failure }, index): Compared => {
    const heads = reading.heads.filter(isComparable);
    const copy = copies[index];
    const last = newestOf(reading.heads);
    return {
      kind: witness.kind,
      place: witness.place,
      heads: heads.length,
      newest: newestOf(heads.filter((head) => head.count <= count)),
      misfit: oldestOf(heads.filter((head) => isMisfit(head, verification))),
      ofLostRows: reading.heads.length - heads.length,
      removed: reading.removed.length,
      vanished:
        failure === undefined && copy !== undefined && copy.count > (last?.count ?? 0)
          ? copy
          : undefined,
      unreadable: reading.unreadable,
      isWhole: reading.isWhole,
      failure,
    };
  });
  const anchored = newestOf(compared.flatMap(({ newest }) => newest ?? []));
  const from = (anchored?.count ?? 0) + 1;
  const removedAt = Math.max(-1, ...readings.flatMap(({ reading }) => reading.removed));
  return {
    ...verification,
    witnesses: compared,
    anchored,
    unanchored:
      fault === undefined && from <= count
        ? { from, to: count, since: (await auditLog.timeOf(from)) ?? 0 }
        : undefined,
    restorations,
    isIncomplete:
      compared.some(
        ({ failure, vanished, heads, unreadable }) =>
          failure !== undefined ||
          (vanished !== undefined && vanished.count > (anchored?.count ?? 0)) ||
          (heads === 0 && unreadable > 0),
      ) || removedAt > (anchored?.at ?? -1),
  };
}

interface Read {
  readonly witness: Witness;
  readonly reading: WitnessReading;
  readonly failure: string | undefined;
}

async function readingOf(witness: Witness): Promise<Read> {
  try {
    return { witness, reading: await witness.read('all'), failure: undefined };
  } catch (error) {
    if (!(error instanceof LawspeakerError)) {
      throw error;
    }
    const nothing = { heads: [], removed: [], unreadable: 0, isWhole: false };
    return { witness, reading: nothing, failure: reasonOf(error) };
  }
}

function newestOf(heads: readonly WrittenHead[]): WrittenHead | undefined {
  return extreme(heads, (one, other) => one.count > other.count);
}

function oldestOf(heads: readonly WrittenHead[]): WrittenHead | undefined {
  return extreme(heads, (one, other) => one.count < other.count);
}

function extreme(
  heads: readonly WrittenHead[],
  isBetter: (one: WrittenHead, other: WrittenHead) => boolean,
): WrittenHead | undefined {
  let best: WrittenHead | undefined;
  for (const head of heads) {
    best = best === undefined || isBetter(head, best) ? head : best;
  }
  return best;
}

/** Whether a head is what shows the fault: the chain itself is in order up to there. */
function isMisfit({ count: rows }: WrittenHead, { count, fault }: Verification): boolean {
  return fault?.kind === 'replaced'
    ? rows === fault.id
    : fault?.kind === 'missing' && fault.id === count + 1 && rows > count;
}
