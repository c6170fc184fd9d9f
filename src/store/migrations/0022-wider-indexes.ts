import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** The indexes know all that a history is sorted by, and the index of words knows how words begin. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...remakeSearch, ...indexes]) {
    await sql.raw(statement).execute(db);
  }
}

/** What SQLite takes for a word, and which words are the same. */
export const searchTokenizer = 'unicode61 remove_diacritics 2';

/**
 * Beginnings of so many characters have lists of their own: very many words can begin alike, and their lists would
 * be merged at each search. Longer beginnings are narrowed down by these.
 */
export const indexedBeginnings: readonly number[] = [3, 4];

/** Without content: the entries have it. An entry can be taken out by its number alone. */
const searchTable = `
  CREATE VIRTUAL TABLE audit_search USING fts5 (
    words, keys, content = '', contentless_delete = 1, tokenize = '${searchTokenizer}',
    prefix = '${indexedBeginnings.join(' ')}'
  )`;

/** Makes the index of words anew, of the entries that there are. */
export const remakeSearch: readonly string[] = [
  'DROP TABLE audit_search',
  searchTable,
  `INSERT INTO audit_search (rowid, words, keys) SELECT id, words, keys FROM audit_search_text`,
];

/** As in version 0017. */
const room = `nullif(coalesce(
  CASE WHEN json_valid(arguments) THEN
    CASE WHEN json_extract(arguments, '$.step') GLOB '!*' THEN json_extract(arguments, '$.step')
      WHEN json_extract(arguments, '$.room') GLOB '!*' THEN json_extract(arguments, '$.room') END
  END,
  CASE WHEN target GLOB '{"room":"*' AND json_valid(target) THEN json_extract(target, '$.room') END
), target)`;

const indexes = [
  'DROP INDEX audit_log_target',
  `CREATE INDEX audit_log_target ON audit_log (target, id, kind, actor, confirmer, command, at)
   WHERE kind != 'outcome' AND target IS NOT NULL`,
  'DROP INDEX audit_log_room',
  `CREATE INDEX audit_log_room ON audit_log (${room}, id, kind, actor, confirmer, command, at)
   WHERE kind != 'outcome' AND ${room} IS NOT NULL`,
  'DROP INDEX audit_log_item',
  `CREATE INDEX audit_log_item ON audit_log (item_id, id, at)
   WHERE kind != 'outcome' AND item_id IS NOT NULL`,
  'DROP INDEX report_items_sender',
  'CREATE INDEX report_items_sender ON report_items (sender, id, last_report_at)',
  'DROP INDEX report_items_room',
  'CREATE INDEX report_items_room ON report_items (room_id, id, last_report_at)',
];
