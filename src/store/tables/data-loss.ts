import type { Connection } from '../schema.ts';
import { syncState } from './sync-state.ts';

/**
 * The room shows audit entries that this database doesn't have: it was restored from a backup, or
 * replaced. Times are milliseconds since 1970.
 */
export interface DataLoss {
  readonly foundAt: number;
  /** When the bot sent the last message that this database doesn't know. */
  readonly lastMessageAt: number;
  /** The last entry that the audit log had. */
  readonly lastKept: number;
  /** The last entry that the room names. */
  readonly lastShown: number;
}

const name = 'record_gap';
const form = /^(\d{1,16}) (\d{1,16}) (\d{1,15}) (\d{1,15})$/u;

/** Whether an audit entry with this number was lost. A newer entry may have the number now. */
export function isLostNumber(loss: DataLoss | undefined, id: number): boolean {
  return loss !== undefined && loss.lastKept < id && id <= loss.lastShown;
}

/** The latest loss of data that was found. */
export function dataLoss(db: Connection) {
  const values = syncState(db);

  async function get(): Promise<DataLoss | undefined> {
    const [, foundAt, lastMessageAt, lastKept, lastShown] =
      form.exec((await values.get(name)) ?? '') ?? [];
    return foundAt === undefined
      ? undefined
      : {
          foundAt: Number(foundAt),
          lastMessageAt: Number(lastMessageAt),
          lastKept: Number(lastKept),
          lastShown: Number(lastShown),
        };
  }

  return {
    get,

    async set({ foundAt, lastMessageAt, lastKept, lastShown }: DataLoss): Promise<void> {
      await values.set(name, [foundAt, lastMessageAt, lastKept, lastShown].join(' '));
    },
  };
}

export type DataLossStore = ReturnType<typeof dataLoss>;
