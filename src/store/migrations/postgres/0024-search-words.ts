import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/**
 * Letters and digits of the decimal system are in the class `alnum`; these are the other characters that stand for
 * numbers, such as 〇, ½, Ⅷ and ①. As hexadecimal numbers of the first and the last of each range.
 */
const otherNumbers =
  'B2-B3 B9 BC-BE 9F4-9F9 B72-B77 BF0-BF2 C78-C7E D58-D5E D70-D78 F2A-F33 1369-137C 16EE-16F0 17F0-17F9 19DA 2070 ' +
  '2074-2079 2080-2089 2150-2182 2185-2189 2460-249B 24EA-24FF 2776-2793 2CFD 3007 3021-3029 3038-303A 3192-3195 ' +
  '3220-3229 3248-324F 3251-325F 3280-3289 32B1-32BF A6E6-A6EF A830-A835 10107-10133 10140-10178 1018A-1018B ' +
  '102E1-102FB 10320-10323 10341 1034A 103D1-103D5 10858-1085F 10879-1087F 108A7-108AF 108FB-108FF 10916-1091B ' +
  '109BC-109BD 109C0-109CF 109D2-109FF 10A40-10A48 10A7D-10A7E 10A9D-10A9F 10AEB-10AEF 10B58-10B5F 10B78-10B7F ' +
  '10BA9-10BAF 10CFA-10CFF 10E60-10E7E 10F1D-10F26 10F51-10F54 10FC5-10FCB 11052-11065 111E1-111F4 1173A-1173B ' +
  '118EA-118F2 11C5A-11C6C 11FC0-11FD4 12400-1246E 16B5B-16B61 16E80-16E96 16FF4-16FF6 1D2C0-1D2D3 1D2E0-1D2F3 ' +
  '1D360-1D378 1E8C7-1E8CF 1EC71-1ECAB 1ECAD-1ECAF 1ECB1-1ECB4 1ED01-1ED2D 1ED2F-1ED3D 1F100-1F10C';

/** The same as an expression in brackets is written. */
const numberClass = otherNumbers
  .replaceAll(/[0-9A-F]+/gu, (point) => `\\U${point.padStart(8, '0')}`)
  .replaceAll(' ', '');

/**
 * The words of a text, as the index of words has them: small letters without accents. Whether a capital Σ ends a word
 * makes no difference, nor does the long ſ.
 */
const searchWords = `
  DO $do$
  DECLARE
    language text := CASE
      WHEN EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu')
      THEN 'COLLATE pg_catalog."und-x-icu"' ELSE '' END;
  BEGIN
    EXECUTE format($function$
      CREATE OR REPLACE FUNCTION search_words(content text) RETURNS text
      LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
        SELECT btrim(regexp_replace(
          translate(
            regexp_replace(normalize(lower(content %1$s), NFD), '[\\u0300-\\u036f]', '', 'g'), 'ςſ', 'σs'
          ) %1$s,
          '[^[:alnum:]${numberClass}]+', ' ', 'g'
        ))
      $body$
    $function$, language);
  END $do$`;

/** PostgreSQL takes words of 2046 bytes; a character has at most 4. */
const maxWordLength = 500;

/**
 * The words of a text in their order, one a row. PostgreSQL's own parser would read numbers and addresses in them, take
 * "12e3x" for two words, and know only the letters of the language of the database.
 */
const wordsOf = (content: string) => `(
  SELECT left(word, ${maxWordLength}) AS word, number
  FROM unnest(string_to_array(search_words(${content}), ' ')) WITH ORDINALITY AS part (word, number)
  WHERE word != ''
) AS found`;

/** A query for words in this order, the last one perhaps only in part. If there are none, it finds nothing. */
const searchQuery = `
  CREATE OR REPLACE FUNCTION audit_search_query(content text, is_prefix boolean) RETURNS tsquery
  LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT coalesce(
      string_agg(word, ' <-> ' ORDER BY number) || CASE WHEN is_prefix THEN ':*' ELSE '' END, ''
    )::tsquery
    FROM ${wordsOf('content')}
  $$`;

/** A longer text would be more than an index takes. */
const maxIndexed = 200_000;

/** In PL/pgSQL, its query is planned once for each connection and not for each entry. */
const entryWords = `
  CREATE OR REPLACE FUNCTION audit_entry_words(arguments text, target text, reason text) RETURNS tsvector
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
  BEGIN
    RETURN (SELECT coalesce(string_agg(word || ':' || number, ' '), '')::tsvector FROM ${wordsOf(`
      left(concat_ws(' ',
        reason,
        replace(replace(target, '{"room":', ''), '"event":', ''),
        (SELECT string_agg(value, ' ') FROM unnest(json_texts(arguments)) AS value
         WHERE value IS DISTINCT FROM target)
      ), ${maxIndexed})`)});
  END $$`;

const readAgain = `
  UPDATE audit_search SET words = audit_entry_words(entry.arguments, entry.target, entry.reason)
  FROM audit_log AS entry WHERE entry.id = audit_search.id`;

/** PostgreSQL takes the same for a word as SQLite does. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [searchWords, searchQuery, entryWords, readAgain]) {
    await sql.raw(statement).execute(db);
  }
}
