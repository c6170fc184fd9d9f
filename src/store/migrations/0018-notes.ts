import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/**
 * What moderators write about users and rooms. Rows of tags are kept when they end, so that a replay of rules sees
 * which tags there were at an earlier time.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE notes (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      subject TEXT NOT NULL,
      text TEXT NOT NULL,
      author TEXT NOT NULL,
      at INTEGER NOT NULL,
      event_id TEXT NOT NULL,
      removed_at INTEGER
    ) STRICT`.execute(db);
  await sql`CREATE INDEX notes_subject ON notes (subject, id)`.execute(db);
  await sql`CREATE INDEX notes_there ON notes (id) WHERE removed_at IS NULL`.execute(db);
  await sql`
    CREATE TABLE tags (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      subject TEXT NOT NULL,
      name TEXT NOT NULL,
      author TEXT NOT NULL,
      at INTEGER NOT NULL,
      expires_at INTEGER,
      event_id TEXT NOT NULL,
      removed_at INTEGER
    ) STRICT`.execute(db);
  await sql`CREATE INDEX tags_subject ON tags (subject, id)`.execute(db);
  await sql`CREATE INDEX tags_name ON tags (name, id) WHERE removed_at IS NULL`.execute(db);
  await sql`
    CREATE UNIQUE INDEX tags_there ON tags (subject, name) WHERE removed_at IS NULL`.execute(db);
  await sql`ALTER TABLE report_items ADD COLUMN tag_changes INTEGER NOT NULL DEFAULT 0`.execute(db);
}
