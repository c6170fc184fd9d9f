import type { Connection } from '../database.ts';
import { syncState } from './sync-state.ts';

/** That the room shows more than the database holds: since when, and from where to where. */
export interface RecordGap {
  /** When that was found; milliseconds since 1970, as all times here. */
  readonly foundAt: number;
  /** When the bot last said something that the database does not know. */
  readonly lastSaidAt: number;
  /** The newest row of the audit log then. */
  readonly endsAt: number;
  /** The newest entry that the room names. */
  readonly shown: number;
}

const name = 'record_gap';
const form = /^(\d{1,16}) (\d{1,16}) (\d{1,15}) (\d{1,15})$/u;

/** The newest gap that was found: one value, beside those of the transport. */
export function recordGap(db: Connection) {
  const values = syncState(db);
  return {
    async get(): Promise<RecordGap | undefined> {
      const [, foundAt, lastSaidAt, endsAt, shown] =
        form.exec((await values.get(name)) ?? '') ?? [];
      return foundAt === undefined
        ? undefined
        : {
            foundAt: Number(foundAt),
            lastSaidAt: Number(lastSaidAt),
            endsAt: Number(endsAt),
            shown: Number(shown),
          };
    },

    async set({ foundAt, lastSaidAt, endsAt, shown }: RecordGap): Promise<void> {
      await values.set(name, [foundAt, lastSaidAt, endsAt, shown].join(' '));
    },
  };
}

export type RecordGaps = ReturnType<typeof recordGap>;
