import { sql } from 'kysely';
import type { Selectable } from 'kysely';

import { least } from '../dialect.ts';
import type { Connection, TagsTable } from '../schema.ts';

/** What a user or a room is called by moderators or rules, from one time to another. */
export interface Tag {
  readonly id: number;
  /** A user ID or a room ID. */
  readonly subject: string;
  readonly name: string;
  /** A user ID, or `rule:NAME`. */
  readonly author: string;
  /** Since when, in milliseconds since 1970. */
  readonly at: number;
  /** When it ends by itself; null for never. */
  readonly expiresAt: number | null;
  /** When it was removed or replaced; null if it was not. */
  readonly removedAt: number | null;
}

function tagOf(row: Selectable<TagsTable>): Tag {
  const { id, subject, name, author, at } = row;
  return {
    id,
    subject,
    name,
    author,
    at,
    expiresAt: row.expires_at,
    removedAt: row.removed_at,
  };
}

/** Which tags to list. */
export interface TagQuery {
  readonly name?: string | undefined;
  readonly subject?: string | undefined;
}

/** Tags of users and rooms. A tag ends by the clock, so everything that reads them is given the time. */
export function tags(db: Connection) {
  /** The tags that are there at this time. */
  const there = ({ name, subject }: TagQuery, now: number) => {
    const all = db
      .selectFrom('tags')
      .where('removed_at', 'is', null)
      .where((tag) => tag.or([tag('expires_at', 'is', null), tag('expires_at', '>', now)]));
    const named = name === undefined ? all : all.where('name', '=', name);
    return subject === undefined ? named : named.where('subject', '=', subject);
  };

  return {
    /** All tags of a user or room at this time, by name. */
    async of(subject: string, now: number): Promise<Tag[]> {
      const rows = await there({ subject }, now).selectAll().orderBy('name').execute();
      return rows.map(tagOf);
    },

    async find(subject: string, name: string, now: number): Promise<Tag | undefined> {
      const row = await there({ subject, name }, now).selectAll().executeTakeFirst();
      return row && tagOf(row);
    },

    /** Sets a tag. `remove` has ended the one of the same name. @param event the command that sets it */
    async add(tag: Omit<Tag, 'id' | 'removedAt'>, event: string): Promise<Tag> {
      const { expiresAt, ...columns } = tag;
      const row = await db
        .insertInto('tags')
        .values({ ...columns, expires_at: expiresAt, event_id: event, removed_at: null })
        .returningAll()
        .executeTakeFirstOrThrow();
      return tagOf(row);
    },

    /** Ends a tag now, unless it has ended by itself before. */
    async remove(subject: string, name: string, now: number): Promise<void> {
      await db
        .updateTable('tags')
        .set({ removed_at: least(db, sql`coalesce(expires_at, ${now})`, sql`${now}`) })
        .where('subject', '=', subject)
        .where('name', '=', name)
        .where('removed_at', 'is', null)
        .execute();
    },

    /** Deletes some of the tags that ended until then, and says how many. */
    async deleteEndedUntil(end: number, limit: number): Promise<number> {
      const some = db
        .selectFrom('tags')
        .select('id')
        .where((tag) => tag.or([tag('removed_at', '<=', end), tag('expires_at', '<=', end)]))
        .limit(limit);
      const result = await db.deleteFrom('tags').where('id', 'in', some).executeTakeFirst();
      return Number(result.numDeletedRows);
    },

    /** Whether a command has set this tag. */
    async isSetBy(
      event: string,
      { subject, name }: Pick<Tag, 'subject' | 'name'>,
    ): Promise<boolean> {
      const row = await db
        .selectFrom('tags')
        .select('id')
        .where('subject', '=', subject)
        .where('name', '=', name)
        .where('event_id', '=', event)
        .executeTakeFirst();
      return row !== undefined;
    },

    /** A page of the tags that are there, the newest first. */
    async list(
      query: TagQuery,
      now: number,
      page: { readonly limit: number; readonly before?: number | undefined },
    ): Promise<Tag[]> {
      const { limit, before } = page;
      const found = there(query, now).selectAll().orderBy('id', 'desc').limit(limit);
      const rows = await (before === undefined ? found : found.where('id', '<', before)).execute();
      return rows.map(tagOf);
    },

    async count(query: TagQuery, now: number): Promise<number> {
      const { count } = await there(query, now)
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      return count;
    },

    /**
     * The names of tags that were not removed, by name. Each is found by itself in the index, however many have it.
     */
    async names(limit: number): Promise<string[]> {
      const { rows } = await sql<{ name: string }>`
        WITH RECURSIVE named (name) AS (
          SELECT min(name) FROM tags WHERE removed_at IS NULL
          UNION ALL
          SELECT (SELECT min(tags.name) FROM tags WHERE removed_at IS NULL AND tags.name > named.name)
          FROM named WHERE named.name IS NOT NULL
        )
        SELECT name FROM named WHERE name IS NOT NULL LIMIT ${limit}
      `.execute(db);
      return rows.map(({ name }) => name);
    },

    /** All tags that there have ever been, oldest first. */
    async inOrder(after: number, limit: number): Promise<Tag[]> {
      const rows = await db
        .selectFrom('tags')
        .selectAll()
        .where('id', '>', after)
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(tagOf);
    },
  };
}

export type Tags = ReturnType<typeof tags>;
