import type { Selectable } from 'kysely';

import type { Connection, NotesTable } from '../schema.ts';

/** The commands that only change notes and tags. They do nothing to anybody. */
export const noteCommands: readonly string[] = [
  'note',
  'remove-note',
  'restore-note',
  'tag',
  'untag',
];

/** What somebody has written down about a user or a room. */
export interface Note {
  readonly id: number;
  /** A user ID or a room ID. */
  readonly subject: string;
  readonly text: string;
  /** A user ID, or `rule:NAME`. */
  readonly author: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Null if it is there. A removed note is kept, so that it can be restored. */
  readonly removedAt: number | null;
}

function noteOf(row: Selectable<NotesTable>): Note {
  const { id, subject, text, author, at, removed_at: removedAt } = row;
  return { id, subject, text, author, at, removedAt };
}

/** Notes about users and rooms. */
export function notes(db: Connection) {
  const there = (subject: string | undefined) => {
    const all = db.selectFrom('notes').where('removed_at', 'is', null);
    return subject === undefined ? all : all.where('subject', '=', subject);
  };

  return {
    async get(id: number): Promise<Note | undefined> {
      const row = await db.selectFrom('notes').selectAll().where('id', '=', id).executeTakeFirst();
      return row && noteOf(row);
    },

    /** @param event the command that makes it */
    async add(
      note: Pick<Note, 'subject' | 'text' | 'author' | 'at'>,
      event: string,
    ): Promise<Note> {
      const row = await db
        .insertInto('notes')
        .values({ ...note, event_id: event, removed_at: null })
        .returningAll()
        .executeTakeFirstOrThrow();
      return noteOf(row);
    },

    /** @param removedAt null to restore it */
    async setRemoved(id: number, removedAt: number | null): Promise<void> {
      await db.updateTable('notes').set({ removed_at: removedAt }).where('id', '=', id).execute();
    },

    /** Deletes the removed notes about a subject, except those that were removed last. */
    async deleteRemoved(subject: string, keep: number): Promise<void> {
      const kept = db
        .selectFrom('notes')
        .select('id')
        .where('subject', '=', subject)
        .where('removed_at', 'is not', null)
        .orderBy('removed_at', 'desc')
        .orderBy('id', 'desc')
        .limit(keep);
      await db
        .deleteFrom('notes')
        .where('subject', '=', subject)
        .where('removed_at', 'is not', null)
        .where('id', 'not in', kept)
        .execute();
    },

    /** Deletes some of the notes that were removed until then, and says how many. */
    async deleteRemovedUntil(end: number, limit: number): Promise<number> {
      const some = db.selectFrom('notes').select('id').where('removed_at', '<=', end).limit(limit);
      const result = await db.deleteFrom('notes').where('id', 'in', some).executeTakeFirst();
      return Number(result.numDeletedRows);
    },

    /** Whether a command has made a note about this subject. */
    async isMadeBy(event: string, subject: string): Promise<boolean> {
      const row = await db
        .selectFrom('notes')
        .select('id')
        .where('subject', '=', subject)
        .where('event_id', '=', event)
        .executeTakeFirst();
      return row !== undefined;
    },

    /** Whether the note that a command has made is not removed. */
    async isThere(event: string, subject: string): Promise<boolean> {
      const row = await there(subject)
        .select('id')
        .where('event_id', '=', event)
        .executeTakeFirst();
      return row !== undefined;
    },

    /** The notes about a subject, or about all, that are not removed; the newest first. */
    async list(
      subject: string | undefined,
      page: { readonly limit: number; readonly before?: number | undefined },
    ): Promise<Note[]> {
      const { limit, before } = page;
      const found = there(subject).selectAll().orderBy('id', 'desc').limit(limit);
      const rows = await (before === undefined ? found : found.where('id', '<', before)).execute();
      return rows.map(noteOf);
    },

    /** How many notes about a subject, or about all, are not removed. */
    async count(subject: string | undefined): Promise<number> {
      const { count } = await there(subject)
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      return count;
    },
  };
}

export type Notes = ReturnType<typeof notes>;
