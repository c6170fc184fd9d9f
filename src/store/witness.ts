import { dayMs, hourMs } from '../core/duration.ts';
import type { ChainEnd } from './tables/audit/audit-log.ts';

/** The clocks of the bot and of a homeserver may differ that much. */
export const clockToleranceMs = dayMs;

/** The end of the audit log's chain, as a witness keeps it. */
export interface Head extends ChainEnd {
  /** The latest time that the bot found its database older than the room. Rows after `kept` are other ones since. */
  readonly restored?: Restored | undefined;
  /** A head that was gone when the bot wrote this one in its place. */
  readonly after?: Gone | undefined;
  /** A head that the log did not continue from when the bot wrote this one. */
  readonly misfit?: { readonly count: number } | undefined;
}

/** A head that somebody has removed. */
export interface Gone {
  /** Its rows, or as many as there may have been. */
  readonly count: number;
  /** When it was written, in milliseconds since 1970. */
  readonly at: number;
}

/** The database was restored from a backup, or replaced. */
export interface Restored {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The last row that it still had. */
  readonly kept: number;
  /** The bot found it at its start by what the management room shows, and said so there. */
  readonly told?: boolean | undefined;
}

export interface WrittenHead extends Head {
  /** When it was written, in milliseconds since 1970: of a room's message, by the homeserver's clock. */
  readonly at: number;
}

/** What a witness shows. */
export interface WitnessReading {
  /** Oldest first, in the order in which they were written. */
  readonly heads: readonly WrittenHead[];
  /** When heads were written that somebody has removed since. */
  readonly removed: readonly number[];
  /** Restored databases that the bot told of in the room when a start found them there. */
  readonly told?: readonly Restored[] | undefined;
  /** Rooms that this one has replaced, whose heads are among these. */
  readonly olderRooms?: readonly string[] | undefined;
  /** Messages that can't be decrypted, or lines that can't be read. There may be heads among them. */
  readonly unreadable: number;
  /** Whether this is all there is, and not only the newest part. */
  readonly isWhole: boolean;
}

/** A place outside of the database that keeps heads of the audit log. Whoever changes the database can't change it. */
export interface Witness {
  readonly kind: 'management-room' | 'room' | 'file';
  /** The ID or alias of a room, or the name of a file. */
  readonly place: string;
  /**
   * The room that an alias names now.
   *
   * @throws Error it can't be found
   */
  findRoom?(): Promise<string>;
  /** @throws Error it can't be written */
  write(head: Head): Promise<void>;
  /**
   * What it shows. `newest` is quick, and has the newest head that there is.
   *
   * @throws Error it can't be read
   */
  read(extent: 'all' | 'newest'): Promise<WitnessReading>;
}

/** A place where heads were written before: the configuration, or an alias, names another one now. */
export interface FormerWitness extends Pick<Witness, 'kind' | 'place' | 'read'> {
  readonly isFormer: true;
}

/** Until a head of these rows is missed: a witness may be away for a while. */
export function overdueAfterMs(anchorEveryMs: number): number {
  return Math.max(hourMs, 4 * anchorEveryMs);
}

export function isSameRestoration(one: Restored, other: Restored): boolean {
  return one.at === other.at && one.kept === other.kept;
}

/**
 * The heads of one witness that are of rows that a restored database no longer has: those that were written
 * before the first head that tells of the restoration. The clocks of the bot and of the witness may differ, so
 * times don't decide.
 *
 * @param heads oldest first
 */
export function ofLostRows(
  heads: readonly WrittenHead[],
  restorations: readonly Restored[],
): ReadonlySet<WrittenHead> {
  const found = new Set<WrittenHead>();
  for (const restoration of restorations) {
    const first = heads.findIndex(
      ({ restored }) => restored !== undefined && isSameRestoration(restored, restoration),
    );
    for (const head of first === -1 ? heads : heads.slice(0, first)) {
      if (head.count > restoration.kept) {
        found.add(head);
      }
    }
  }
  return found;
}

/** Every restoration that heads tell of, the oldest first. */
export function restorationsIn(heads: readonly WrittenHead[]): Restored[] {
  const found: Restored[] = [];
  for (const { at, restored } of heads) {
    // Nobody can know of what has not happened yet.
    if (restored === undefined || restored.at > at + clockToleranceMs) {
      continue;
    }
    const index = found.findIndex((one) => isSameRestoration(one, restored));
    if (index === -1) {
      found.push(restored);
    } else if (restored.told === true) {
      found[index] = restored;
    }
  }
  return found.sort((one, other) => one.at - other.at);
}
