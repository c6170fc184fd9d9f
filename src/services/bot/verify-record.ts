import { minuteMs } from '../../core/duration.ts';
import { LawspeakerError } from '../../core/errors.ts';
import { reasonOf } from '../../core/system-error.ts';
import type { Store } from '../../store/store.ts';
import type { Anchor } from '../../store/tables/audit/anchor.ts';
import type { ChainEnd, Verification } from '../../store/tables/audit/audit-log.ts';
import {
  isSameRestoration,
  ofLostRows,
  overdueAfterMs,
  restorationsIn,
} from '../../store/witness.ts';
import type {
  FormerWitness,
  Restored,
  Witness,
  WitnessReading,
  WrittenHead,
} from '../../store/witness.ts';

/** What comparing with one witness gives. */
export interface Compared {
  readonly kind: Witness['kind'];
  readonly place: string;
  /** Whether heads are written elsewhere now. */
  readonly isFormer: boolean;
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
  /** How many heads were gone when the bot wrote the next one. */
  readonly replaced: number;
  /** Whether heads say that there was one that did not fit. */
  readonly carriesMisfit: boolean;
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
  /** Rows after that head: whether somebody cuts them off can't be seen. */
  readonly unanchored:
    | {
        readonly from: number;
        readonly to: number;
        /** The time of the first. */
        readonly since: number;
        /** When a head covers them, at the latest. */
        readonly due: number;
      }
    | undefined;
  readonly restorations: readonly Restored[];
  /** Whether a witness is missing, or heads that might not fit: then "intact" would be too much. */
  readonly isIncomplete: boolean;
}

/**
 * Checks the hash chain, and compares it with every head that its witnesses show. The database's own copy of
 * what was written there proves nothing, because whoever changes the database can change it, too; it only tells
 * what is missing.
 *
 * @param former where heads were written before
 * @param anchorEveryMs how long a row waits for a head that covers it
 */
export async function verifyRecord(
  { auditLog, anchor }: Pick<Store, 'anchor' | 'auditLog'>,
  witnesses: readonly Witness[],
  {
    former,
    now,
    anchorEveryMs,
  }: {
    readonly former: readonly FormerWitness[];
    readonly now: number;
    readonly anchorEveryMs: number;
  },
): Promise<Verified> {
  // Before the witnesses are read: a head that is written meanwhile must not seem to be missing there.
  const shown = await anchor.get();
  const readings = await readAll(anchor, witnesses, former);
  const copies = readings.map(({ copy }) => copy);
  // Whoever can write to a file can say there that the room was told. If no room is read, there is nothing better.
  const rooms = readings.filter(
    ({ witness, failure }) => witness.kind !== 'file' && failure === undefined,
  );
  const told = [
    ...rooms.flatMap(({ reading }) => reading.told ?? []),
    ...restorationsIn((rooms.length === 0 ? readings : rooms).flatMap(headsOf)).filter(
      (one) => one.told === true,
    ),
  ];
  const restorations = restorationsIn(readings.flatMap(headsOf)).map(({ at, kept }): Restored => {
    const one = { at, kept };
    return told.some((other) => isSameRestoration(other, one)) ? { ...one, told: true } : one;
  });
  const comparable = readings.map(({ reading: { heads } }) => {
    const lost = ofLostRows(heads, restorations);
    return heads.filter((head) => !lost.has(head));
  });
  const verification = await auditLog.verify([
    ...comparable.flat(),
    ...[shown, ...copies].flatMap((copy) => copy ?? []),
  ]);
  const { count, fault } = verification;
  const fitting = comparable.map((heads) => heads.filter((head) => head.count <= count));
  const compared = readings.map(
    ({ witness, isFormer, reading, failure, copy }, index): Compared => {
      const heads = comparable[index] ?? [];
      const last = newestOf(reading.heads);
      return {
        kind: witness.kind,
        place: witness.place,
        isFormer,
        heads: heads.length,
        newest: newestOf(fitting[index] ?? []),
        misfit: oldestOf(heads.filter((head) => isMisfit(head, verification))),
        ofLostRows: reading.heads.length - heads.length,
        removed: reading.removed.length,
        replaced: heads.filter(({ after }) => after !== undefined).length,
        carriesMisfit: heads.some(({ misfit }) => misfit !== undefined),
        vanished:
          failure === undefined && copy !== undefined && copy.count > (last?.count ?? 0)
            ? copy
            : undefined,
        unreadable: reading.unreadable,
        isWhole: reading.isWhole,
        failure,
      };
    },
  );
  const anchored = newestOf(compared.flatMap(({ newest }) => newest ?? []));
  const from = (anchored?.count ?? 0) + 1;
  const since = from <= count ? ((await auditLog.timeOf(from)) ?? 0) : now;
  const patienceMs = anchored === undefined ? anchorEveryMs : overdueAfterMs(anchorEveryMs);
  /** Whether there was a head of more rows. */
  const isAhead = (head: ChainEnd | undefined) => (head?.count ?? 0) > (anchored?.count ?? 0);
  const untold = restorations.filter(({ told }) => told !== true);
  return {
    ...verification,
    witnesses: compared,
    anchored,
    unanchored:
      fault === undefined && from <= count
        ? { from, to: count, since, due: since + anchorEveryMs + lookEveryMs }
        : undefined,
    restorations,
    isIncomplete:
      compared.some(
        ({ isFormer, failure, vanished, heads, unreadable, carriesMisfit }, index) =>
          (failure !== undefined && (!isFormer || isAhead(readings[index]?.copy))) ||
          carriesMisfit ||
          isAhead(vanished) ||
          (heads === 0 && unreadable > 0),
      ) ||
      readings.some(({ reading }) => ofLostRows(reading.heads, untold).size > 0) ||
      gapsIn(readings, fitting).some((gap) => !isCovered(gap, fitting)) ||
      (witnesses.length > 0 && now - since > patienceMs),
  };
}

const headsOf = ({ reading }: Read) => reading.heads;

/** A head that is gone: it can't be compared. */
interface Gap {
  /** Of the witness that it is missing in. */
  readonly witness: number;
  /** When it was written. */
  readonly from: number;
  /** When the next one was written there. */
  readonly to: number;
}

/**
 * Heads that were gone before the next was written in their witness. Rows that they covered may have been
 * rewritten in between. A head that was removed later is no gap: the bot has compared it with the log, and the next
 * head covers its rows. So does the first head in another place, if the place before could be read then.
 */
function gapsIn(readings: readonly Read[], fitting: readonly (readonly WrittenHead[])[]): Gap[] {
  return readings.flatMap(({ reading }, witness) => {
    const heads = fitting[witness] ?? [];
    const replaced = heads.flatMap(({ after, at }) =>
      after === undefined ? [] : [{ witness, from: after.at, to: at }],
    );
    const newest = Math.max(-1, ...heads.map(({ at }) => at));
    const missing = reading.removed
      .filter((at) => at > newest)
      .map((at) => ({ witness, from: at, to: Number.POSITIVE_INFINITY }));
    return [...replaced, ...missing];
  });
}

/** The bot looks once a minute whether a head is due. */
const lookEveryMs = minuteMs;

/** The bot writes to all witnesses one after the other; their clocks may differ a little. */
const togetherMs = minuteMs;

/** Whether a head in another witness covers the same rows, and was written before the next one. */
function isCovered(
  { witness, from, to }: Gap,
  fitting: readonly (readonly WrittenHead[])[],
): boolean {
  return fitting.some(
    (heads, other) =>
      other !== witness &&
      heads.some(({ at, after }) => after === undefined && at >= from - togetherMs && at < to),
  );
}

interface Read {
  readonly witness: FormerWitness | Witness;
  readonly isFormer: boolean;
  /** The newest head there, by the database's account. */
  readonly copy: Anchor | undefined;
  readonly reading: WitnessReading;
  readonly failure: string | undefined;
}

/** Reads all witnesses. Former rooms that the management room has replaced are read with it. */
async function readAll(
  anchor: Store['anchor'],
  witnesses: readonly Witness[],
  former: readonly FormerWitness[],
): Promise<readonly Read[]> {
  const current = await Promise.all(
    witnesses.map(async (witness) => readingOf(anchor, witness, false)),
  );
  const older = new Set(current.flatMap(({ reading: { olderRooms = [] } }) => olderRooms));
  const others = former.filter(({ place }) => !older.has(place));
  return [
    ...current,
    ...(await Promise.all(others.map(async (witness) => readingOf(anchor, witness, true)))),
  ];
}

async function readingOf(
  anchor: Store['anchor'],
  witness: FormerWitness | Witness,
  isFormer: boolean,
): Promise<Read> {
  const read = { witness, isFormer };
  let copy = await anchor.get(witness.place);
  try {
    const room = 'findRoom' in witness ? await witness.findRoom?.() : undefined;
    copy = room === undefined ? copy : await anchor.get(room);
    return { ...read, copy, reading: await witness.read('all'), failure: undefined };
  } catch (error) {
    if (!(error instanceof LawspeakerError)) {
      throw error;
    }
    const nothing = { heads: [], removed: [], unreadable: 0, isWhole: false };
    return { ...read, copy, reading: nothing, failure: reasonOf(error) };
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
