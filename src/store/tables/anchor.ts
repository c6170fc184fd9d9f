import type { Connection } from '../database.ts';
import { syncState } from './sync-state.ts';

/** The end of the audit log's hash chain, as it was last posted in the room. */
export interface Anchor {
  /** The number of the last row, counted from 1. */
  readonly count: number;
  /** The hash of that row. */
  readonly head: string;
  /** When it was posted; milliseconds since 1970. */
  readonly at: number;
  /** When the room was warned that the chain does not continue from there; 0 for never. */
  readonly warnedAt: number;
}

const name = 'audit_head';
const form = /^(\d{1,15}) ([0-9a-f]{64}) (\d{1,15}) (\d{1,15})$/u;

/** The latest anchor. */
export function anchor(db: Connection) {
  const values = syncState(db);
  return {
    async get(): Promise<Anchor | undefined> {
      const [, count, head = '', at, warnedAt] = form.exec((await values.get(name)) ?? '') ?? [];
      return count === undefined
        ? undefined
        : { count: Number(count), head, at: Number(at), warnedAt: Number(warnedAt) };
    },

    async set({ count, head, at, warnedAt }: Anchor): Promise<void> {
      await values.set(name, [count, head, at, warnedAt].join(' '));
    },
  };
}

export type AnchorStore = ReturnType<typeof anchor>;
