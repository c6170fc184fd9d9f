import type { Connection } from '../database.ts';
import { syncState } from './sync-state.ts';

/** Where the chain of the audit log stood when that was last written into the room. */
export interface Anchor {
  /** The row, counted from 1. */
  readonly count: number;
  /** Its hash. */
  readonly head: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** When the room was told that the chain does not go on from there; 0 for never. */
  readonly warnedAt: number;
}

const name = 'audit_head';
const form = /^(\d{1,15}) ([0-9a-f]{64}) (\d{1,15}) (\d{1,15})$/u;

/** The newest head that was posted: one value, beside those of the transport. */
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

export type PostedHeads = ReturnType<typeof anchor>;
