import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** Finds audit entries by words, and by the room in which something was done to a user. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [roomIndex, textView, searchTable, add, ...triggers]) {
    await sql.raw(statement).execute(db);
  }
}

/** The room that an entry is about, besides its target: of a user's membership, or of an event. */
const room = `nullif(coalesce(
  CASE WHEN json_valid(arguments) THEN
    CASE WHEN json_extract(arguments, '$.step') GLOB '!*' THEN json_extract(arguments, '$.step')
      WHEN json_extract(arguments, '$.room') GLOB '!*' THEN json_extract(arguments, '$.room') END
  END,
  CASE WHEN target GLOB '{"room":"*' AND json_valid(target) THEN json_extract(target, '$.room') END
), target)`;

const roomIndex = `
  CREATE INDEX audit_log_room ON audit_log (${room}, id, kind, actor, confirmer, command)
  WHERE kind != 'outcome' AND ${room} IS NOT NULL`;

/**
 * `words` is for people. `keys` is what else entries are filtered by: that way, one index finds entries by
 * all filters together. Nobody can type keys by accident. Nearly all entries are `done`, so that has no key,
 * and most entries are indexed once.
 */
const textView = `
  CREATE VIEW audit_search_text AS
  SELECT id,
    concat_ws(' ',
      reason,
      replace(replace(target, '{"room":', ''), '"event":', ''),
      (SELECT group_concat(atom, ' ')
       FROM json_tree(CASE WHEN json_valid(arguments) THEN arguments END)
       WHERE type = 'text' AND atom IS NOT target)
    ) AS words,
    concat_ws(' ',
      'by' || hex(actor),
      CASE WHEN confirmer != actor THEN 'by' || hex(confirmer) END,
      'of' || hex(command),
      'on' || hex(target),
      'on' || hex(${room}),
      (SELECT CASE WHEN latest NOT IN ('done', 'running') THEN 'isother is' || hex(latest) END
       FROM (SELECT coalesce((
         SELECT outcome.status FROM audit_log AS outcome
         WHERE outcome.intent_id = entry.id ORDER BY outcome.id DESC LIMIT 1
       ), entry.status) AS latest))
    ) AS keys
  FROM audit_log AS entry WHERE kind != 'outcome'`;

/** What SQLite takes for a word, and which words are the same. */
const searchTokenizer = 'unicode61 remove_diacritics 2';

/** Without content: the entries have it. An entry can be taken out by its number alone. */
const searchTable = `
  CREATE VIRTUAL TABLE audit_search USING fts5 (
    words, keys, content = '', contentless_delete = 1, tokenize = '${searchTokenizer}'
  )`;

const add = `
  INSERT INTO audit_search (rowid, words, keys) SELECT id, words, keys FROM audit_search_text`;

const addAgain = (id: string) => `
  DELETE FROM audit_search WHERE rowid = ${id};
  ${add} WHERE id = ${id};`;

const triggers = [
  `CREATE TRIGGER audit_log_search_added AFTER INSERT ON audit_log WHEN NEW.kind != 'outcome' BEGIN
     ${add} WHERE id = NEW.id;
   END`,
  // An outcome changes the keys of its entry.
  `CREATE TRIGGER audit_log_search_ended AFTER INSERT ON audit_log
   WHEN NEW.kind = 'outcome' AND (NEW.status NOT IN ('done', 'running') OR EXISTS (
     SELECT 1 FROM audit_log AS earlier
     WHERE earlier.intent_id = NEW.intent_id AND earlier.id < NEW.id
       AND earlier.status NOT IN ('done', 'running')
   )) BEGIN
     ${addAgain('NEW.intent_id')}
   END`,
  `CREATE TRIGGER audit_log_search_changed
   AFTER UPDATE OF actor, confirmer, command, arguments, target, reason, status ON audit_log BEGIN
     ${addAgain('coalesce(NEW.intent_id, NEW.id)')}
   END`,
];
