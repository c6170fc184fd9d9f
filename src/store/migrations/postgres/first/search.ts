import { table } from './table.ts';

/**
 * The room that an entry is about, besides its target: of a user's membership, or of an event. Functions that
 * indexes use must not need others: when a backup is read in, nothing is found by its plain name.
 */
const room = `
  CREATE FUNCTION audit_room(arguments text, target text) RETURNS text
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
  DECLARE
    found text;
  BEGIN
    IF arguments LIKE '%"!%' THEN
      BEGIN
        found := CASE
          WHEN arguments::json ->> 'step' LIKE '!%' THEN arguments::json ->> 'step'
          WHEN arguments::json ->> 'room' LIKE '!%' THEN arguments::json ->> 'room'
        END;
      EXCEPTION WHEN data_exception THEN
        found := NULL;
      END;
    END IF;
    IF found IS NULL AND target LIKE '{"room":"%' THEN
      BEGIN
        found := target::json ->> 'room';
      EXCEPTION WHEN data_exception THEN
        found := NULL;
      END;
    END IF;
    RETURN nullif(found, target);
  END $$`;

/** A text of an object in JSON; null if the text is not JSON. */
const jsonText = `
  CREATE FUNCTION json_text(content text, key text) RETURNS text
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
  BEGIN
    RETURN content::json ->> key;
  EXCEPTION WHEN data_exception THEN
    RETURN NULL;
  END $$`;

/** All texts in JSON, except its keys. NUL can't be in a text here. */
const jsonTexts = `
  CREATE FUNCTION json_texts(content text) RETURNS text[]
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
  BEGIN
    RETURN ARRAY(
      SELECT value #>> '{}' FROM jsonb_path_query(
        replace(content, '\\u0000', '\\ufffd')::jsonb, 'strict $.** ? (@.type() == "string")'
      ) AS value
    );
  EXCEPTION WHEN data_exception THEN
    RETURN ARRAY[]::text[];
  END $$`;

/**
 * The words of a text, as the index of words has them: small letters without accents. It uses the collation of the
 * ICU library if there is one, because a database can be set up to know only English letters.
 */
const searchWords = `
  DO $do$
  DECLARE
    language text := CASE
      WHEN EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu')
      THEN 'COLLATE pg_catalog."und-x-icu"' ELSE '' END;
  BEGIN
    EXECUTE format($function$
      CREATE FUNCTION search_words(content text) RETURNS text
      LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
        SELECT btrim(regexp_replace(
          regexp_replace(normalize(lower(content %1$s), NFD), '[\\u0300-\\u036f]', '', 'g') %1$s,
          '[^[:alnum:]]+', ' ', 'g'
        ))
      $body$
    $function$, language);
  END $do$`;

/** A query for words in this order, the last one perhaps only in part. */
const searchQuery = `
  CREATE FUNCTION audit_search_query(content text, is_prefix boolean) RETURNS tsquery
  LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT to_tsquery('pg_catalog.simple',
      replace(search_words(content), ' ', ' <-> ') || CASE WHEN is_prefix THEN ':*' ELSE '' END)
  $$`;

/** A longer text would be more than an index takes. */
const maxIndexed = 200_000;

/** For people: what an entry says. What else entries are filtered by has indexes of its own. */
const entryWords = `
  CREATE FUNCTION audit_entry_words(arguments text, target text, reason text) RETURNS tsvector
  LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT to_tsvector('pg_catalog.simple', search_words(left(concat_ws(' ',
      reason,
      replace(replace(target, '{"room":', ''), '"event":', ''),
      (SELECT string_agg(value, ' ') FROM unnest(json_texts(arguments)) AS value
       WHERE value IS DISTINCT FROM target)
    ), ${maxIndexed})))
  $$`;

const keepWords = `
  CREATE FUNCTION keep_audit_words() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO audit_search VALUES (NEW.id, audit_entry_words(NEW.arguments, NEW.target, NEW.reason))
    ON CONFLICT (id) DO UPDATE SET words = excluded.words;
    RETURN NULL;
  END $$`;

export const searchObjects: readonly string[] = [
  room,
  jsonText,
  jsonTexts,
  searchWords,
  searchQuery,
  entryWords,
  `CREATE INDEX audit_log_room ON audit_log
     ((audit_room(arguments, target)), id, kind, actor, confirmer, command)
   WHERE kind != 'outcome' AND audit_room(arguments, target) IS NOT NULL`,
  table(
    'audit_search',
    'id INTEGER PRIMARY KEY REFERENCES audit_log (id), words tsvector NOT NULL',
  ),
  `CREATE INDEX audit_search_words ON audit_search USING gin (words)`,
  keepWords,
  `CREATE TRIGGER audit_log_search_added AFTER INSERT ON audit_log FOR EACH ROW
   WHEN (NEW.kind != 'outcome') EXECUTE FUNCTION keep_audit_words()`,
  `CREATE TRIGGER audit_log_search_changed AFTER UPDATE OF arguments, target, reason ON audit_log
   FOR EACH ROW WHEN (NEW.kind != 'outcome') EXECUTE FUNCTION keep_audit_words()`,
];
