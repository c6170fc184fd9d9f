import type { Connection } from '../../schema.ts';
import { syncState } from '../sync-state.ts';

/**
 * The end of the audit log's hash chain, as it was last written somewhere outside of the database. This copy
 * says when the next one is due. It proves nothing: whoever changes the database can change it, too.
 */
export interface Anchor {
  /** The number of the last row, counted from 1. */
  readonly count: number;
  /** The hash of that row. */
  readonly head: string;
  /** When it was written; milliseconds since 1970. */
  readonly at: number;
}

/** The message that people see in the room; other places have names of their own. */
const name = 'audit_head';
/** Earlier versions wrote a time in the fourth place, and read one there. */
const form = /^(\d{1,15}) ([0-9a-f]{64}) (\d{1,15}) \d{1,15}$/u;

/** The latest anchors, by the place where they are. */
export function anchor(db: Connection) {
  const values = syncState(db);
  const nameOf = (place: string | undefined) => (place === undefined ? name : `${name} ${place}`);

  return {
    /** @param place a witness; by default, the message that people see in the room */
    async get(place?: string): Promise<Anchor | undefined> {
      return read(await values.get(nameOf(place)));
    },

    /** The witnesses that heads were written to, also those of an earlier configuration. */
    async places(): Promise<string[]> {
      const rows = await db
        .selectFrom('sync_state')
        .select(['name', 'value'])
        .where('name', 'like', `${name} %`)
        .orderBy('name')
        .execute();
      return rows
        .filter((row) => row.name.startsWith(`${name} `) && read(row.value) !== undefined)
        .map((row) => row.name.slice(name.length + 1));
    },

    /** The newest of all places. */
    async newest(): Promise<Anchor | undefined> {
      const rows = await db
        .selectFrom('sync_state')
        .select(['name', 'value'])
        .where('name', 'like', `${name}%`)
        .execute();
      return rows
        .filter((row) => row.name === name || row.name.startsWith(`${name} `))
        .flatMap((row) => read(row.value) ?? [])
        .sort((one, other) => other.at - one.at || other.count - one.count)[0];
    },

    async set({ count, head, at }: Anchor, place?: string): Promise<void> {
      await values.set(nameOf(place), [count, head, at, 0].join(' '));
    },
  };
}

function read(text: string | undefined): Anchor | undefined {
  const [, count, head = '', at] = form.exec(text ?? '') ?? [];
  return count === undefined ? undefined : { count: Number(count), head, at: Number(at) };
}

export type AnchorStore = ReturnType<typeof anchor>;
