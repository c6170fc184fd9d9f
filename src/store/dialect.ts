import { PostgresAdapter, sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import type { Connection } from './schema.ts';

/*
 * What SQLite and PostgreSQL say differently. Everything else in the queries means the same to both: aliases in
 * mixed case are quoted, subqueries have names, and flags are the numbers 0 and 1.
 */

type Dialect = 'sqlite' | 'postgres';

export function dialectOf(db: Connection): Dialect {
  return db.getExecutor().adapter instanceof PostgresAdapter ? 'postgres' : 'sqlite';
}

/** Text of one dialect or the other. */
function either(db: Connection, texts: Readonly<Record<Dialect, string>>): RawBuilder<unknown> {
  return sql.raw(texts[dialectOf(db)]);
}

/** Makes SQLite use this index: it has no statistics about the tables. PostgreSQL has, and chooses by itself. */
export function indexedBy(db: Connection, index: string): RawBuilder<unknown> {
  return either(db, { sqlite: `INDEXED BY ${index}`, postgres: '' });
}

/** Makes SQLite read the whole table in its order. */
export function notIndexed(db: Connection): RawBuilder<unknown> {
  return either(db, { sqlite: 'NOT INDEXED', postgres: '' });
}

/** A join, from the first table to the second one. SQLite keeps to that order. */
export function joinInOrder(db: Connection): RawBuilder<unknown> {
  return either(db, { sqlite: 'CROSS JOIN', postgres: 'JOIN' });
}

/** A number that SQLite takes for a whole one: it is bound as a floating-point number, which FTS5 can't look for. */
export function wholeNumber(db: Connection, value: number): RawBuilder<number> {
  return dialectOf(db) === 'sqlite'
    ? sql<number>`CAST(${value} AS INTEGER)`
    : sql<number>`${value}`;
}

/** The largest of several values; not to be confused with the aggregate. */
export function greatest(db: Connection, ...values: RawBuilder<unknown>[]): RawBuilder<number> {
  return sql<number>`${either(db, { sqlite: 'max', postgres: 'greatest' })}(${sql.join(values)})`;
}

/** The smallest of several values. */
export function least(db: Connection, ...values: RawBuilder<unknown>[]): RawBuilder<number> {
  return sql<number>`${either(db, { sqlite: 'min', postgres: 'least' })}(${sql.join(values)})`;
}

/** A condition: a text holds another one. */
export function contains(
  db: Connection,
  text: RawBuilder<unknown>,
  part: string,
): RawBuilder<boolean> {
  return sql<boolean>`${either(db, { sqlite: 'instr', postgres: 'strpos' })}(${text}, ${part}) > 0`;
}

/** A condition: a text is like this pattern, in which `*` stands for any characters and nothing else is special. */
export function isLike(
  db: Connection,
  text: RawBuilder<unknown>,
  pattern: string,
): RawBuilder<boolean> {
  return sql<boolean>`${text} ${likeness(db, pattern)}`;
}

export function isNotLike(
  db: Connection,
  text: RawBuilder<unknown>,
  pattern: string,
): RawBuilder<boolean> {
  return sql<boolean>`${text} NOT ${likeness(db, pattern)}`;
}

function likeness(db: Connection, pattern: string): RawBuilder<unknown> {
  return dialectOf(db) === 'sqlite'
    ? sql`GLOB ${sql.lit(pattern)}`
    : sql`LIKE ${sql.lit(pattern.replaceAll(/[\\%_]/gu, '\\$&').replaceAll('*', '%'))}`;
}

/** A text of an object in JSON; null if it has none, or the text is not JSON. */
export function jsonText(db: Connection, column: string, key: string): RawBuilder<string | null> {
  const sqlite = `CASE WHEN json_valid(${column}) THEN json_extract(${column}, '$.${key}') END`;
  return either(db, { sqlite, postgres: `json_text(${column}, '${key}')` }) as RawBuilder<
    string | null
  >;
}

/** An aggregate: all values, as an array in JSON. */
export function jsonList(db: Connection, column: string): RawBuilder<string> {
  return either(db, {
    sqlite: `json_group_array(${column})`,
    postgres: `json_agg(${column})::text`,
  }) as RawBuilder<string>;
}

/** The array of these values, in JSON. */
export function jsonArray(db: Connection, ...values: RawBuilder<unknown>[]): RawBuilder<string> {
  return dialectOf(db) === 'sqlite'
    ? sql<string>`json_array(${sql.join(values)})`
    : sql<string>`json_build_array(${sql.join(values)})::text`;
}

/** A condition: a number is one of these, of which there may be more than a statement can have parameters. */
export function isOneOf(
  db: Connection,
  number: RawBuilder<unknown>,
  numbers: readonly number[],
): RawBuilder<boolean> {
  return dialectOf(db) === 'sqlite'
    ? sql<boolean>`${number} IN (SELECT value FROM json_each(${JSON.stringify(numbers)}))`
    : sql<boolean>`${number} = ANY (${sql.lit(`{${numbers.map(Math.trunc).join(',')}}`)}::bigint[])`;
}

/**
 * A text as it can be stored and read again. UTF-8 has no unpaired surrogates; PostgreSQL stores no NUL, and the functions
 * of SQLite read a text only up to there.
 */
export function storableText(text: string): string {
  return withoutNul(text.toWellFormed());
}

/** JSON with such texts: what is escaped in it is read by the database, too. */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  return /\\u(?:0000|d[89a-f])/u.test(json)
    ? JSON.stringify(value, (_, part: unknown) =>
        typeof part === 'string' ? storableText(part) : part,
      )
    : json;
}

export function withoutNul(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}
