import type { ChainEnd } from './tables/audit-log.ts';

/** The end of the audit log's chain, as a witness keeps it. */
export interface Head extends ChainEnd {
  /** The latest time that the bot found its database older than the room. Rows after `kept` are other ones since. */
  readonly restored?: Restored | undefined;
}

/** The database was restored from a backup, or replaced. */
export interface Restored {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The last row that it still had. */
  readonly kept: number;
}

export interface WrittenHead extends Head {
  /** When it was written, in milliseconds since 1970: of a room's message, by the homeserver's clock. */
  readonly at: number;
}

/** What a witness shows. */
export interface WitnessReading {
  /** In any order. */
  readonly heads: readonly WrittenHead[];
  /** When heads were written that somebody has removed since. */
  readonly removed: readonly number[];
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
  /** @throws Error it can't be written */
  write(head: Head): Promise<void>;
  /**
   * What it shows. `newest` is quick, and has the newest head that there is.
   *
   * @throws Error it can't be read
   */
  read(extent: 'all' | 'newest'): Promise<WitnessReading>;
}

/**
 * Whether a head is of rows that a restored database no longer has. The bot said so in the room when it found
 * that out.
 */
export function isOfLostRows(
  { at, count }: WrittenHead,
  restorations: readonly Restored[],
): boolean {
  return restorations.some((restored) => at < restored.at && count > restored.kept);
}

/** Every restoration that heads tell of, the oldest first. */
export function restorationsIn(heads: readonly Head[]): Restored[] {
  const found = new Map<number, Restored>();
  for (const { restored } of heads) {
    if (restored !== undefined) {
      found.set(restored.at, restored);
    }
  }
  return [...found.values()].sort((one, other) => one.at - other.at);
}
