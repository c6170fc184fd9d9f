import { sql } from 'kysely';
import type { Kysely, RawBuilder } from 'kysely';

import { dialectOf, joinInOrder, storableText } from '../dialect.ts';
import type { Connection, Tables } from '../schema.ts';
import type { MovedTable } from './tables.ts';

export type Row = Readonly<Record<string, string | number | null>>;

/** What became of the rows of a table in the target. */
export interface Changes {
  added: number;
  changed: number;
  removed: number;
}

/** Called after each piece with the number of rows that were compared. */
export type Progress = (rows: number) => void;

/** Few enough to be held in memory, even if their texts are long. */
const pieceSize = 500;

const names = (columns: readonly string[], table?: string) =>
  sql.join(columns.map((column) => sql.ref(table === undefined ? column : `${table}.${column}`)));

/** Rows as a table that a statement can read. They are one parameter, however many they are. */
export function asTable(
  db: Connection,
  table: MovedTable,
  columns: readonly string[],
  rows: readonly Row[],
): RawBuilder<unknown> {
  const json = JSON.stringify(rows);
  return dialectOf(db) === 'postgres'
    ? sql`json_populate_recordset(NULL::${sql.table(table.name)}, ${json}::json)`
    : sql`(SELECT ${sql.join(
        columns.map((column) => sql`value ->> ${sql.lit(column)} AS ${sql.ref(column)}`),
      )} FROM json_each(${json}))`;
}

/** All rows after `after` in the order of the key, piece by piece. */
export async function* piecesOf(
  db: Connection,
  { name, columns, key }: MovedTable,
  {
    after,
    only,
  }: { readonly after?: readonly unknown[]; readonly only?: RawBuilder<unknown> } = {},
  read: readonly string[] = columns,
): AsyncGenerator<Row[]> {
  let last = after;
  for (;;) {
    const conditions = [
      ...(last === undefined ? [] : [sql`(${names(key)}) > (${sql.join(last)})`]),
      ...(only === undefined ? [] : [only]),
    ];
    const { rows } = await sql<Row>`
      SELECT ${names(read)} FROM ${sql.table(name)}
      ${conditions.length === 0 ? sql`` : sql`WHERE ${sql.join(conditions, sql` AND `)}`}
      ORDER BY ${names(key)} LIMIT ${sql.lit(pieceSize)}`.execute(db);
    if (rows.length > 0) {
      yield rows;
    }
    if (rows.length < pieceSize) {
      return;
    }
    last = key.map((column) => rows.at(-1)?.[column]);
  }
}

/** The rows of `db` with the keys of these, read in the order of `columns`. */
export async function sameRows(
  db: Connection,
  table: MovedTable,
  rows: readonly Row[],
  columns: readonly string[] = table.columns,
): Promise<Row[]> {
  const found = await sql<Row>`
    SELECT ${names(columns, 'there')}
    FROM ${asTable(db, table, table.key, rows.map(onlyOf(table.key)))} AS wanted
    ${joinInOrder(db)} ${sql.table(table.name)} AS there
    ON ${sql.join(
      table.key.map(
        (column) => sql`${sql.ref(`there.${column}`)} = ${sql.ref(`wanted.${column}`)}`,
      ),
      sql` AND `,
    )}`.execute(db);
  return found.rows;
}

/** Text by which rows, or their keys, are compared. */
export const textOf = (row: Row, columns: readonly string[]) =>
  JSON.stringify(columns.map((column) => row[column]));

export const onlyOf = (columns: readonly string[]) => (row: Row) =>
  Object.fromEntries(columns.map((column) => [column, row[column] ?? null]));

/** A row as the target can store it. */
const storable = (row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      typeof value === 'string' ? storableText(value) : value,
    ]),
  );

/** Removes the rows of the target that the source doesn't have. */
export async function removeRows(
  source: Connection,
  target: Kysely<Tables>,
  table: MovedTable,
  changes: Changes,
): Promise<void> {
  for await (const rows of piecesOf(target, table, {}, table.key)) {
    const kept = new Set(
      (await sameRows(source, table, rows, table.key)).map((row) => textOf(row, table.key)),
    );
    const gone = rows.filter((row) => !kept.has(textOf(row, table.key)));
    if (gone.length > 0) {
      await target.transaction().execute(async (transaction) =>
        sql`
          DELETE FROM ${sql.table(table.name)} WHERE (${names(table.key)}) IN (
            SELECT ${names(table.key)} FROM ${asTable(transaction, table, table.key, gone)} AS gone
          )`.execute(transaction),
      );
      changes.removed += gone.length;
    }
  }
}

/** Adds the rows to the target that only the source has, and changes those that differ. */
export async function copyRows(
  source: Connection,
  target: Kysely<Tables>,
  table: MovedTable,
  changes: Changes,
  progress: Progress,
): Promise<void> {
  let done = 0;
  for await (const piece of piecesOf(source, table)) {
    const rows = piece.map(storable);
    const there = new Map(
      (await sameRows(target, table, rows)).map((row) => [
        textOf(row, table.key),
        textOf(row, table.columns),
      ]),
    );
    const differing = rows.filter(
      (row) => there.get(textOf(row, table.key)) !== textOf(row, table.columns),
    );
    if (differing.length > 0) {
      await target
        .transaction()
        .execute(async (transaction) => write(transaction, table, differing));
      const changed = differing.filter((row) => there.has(textOf(row, table.key))).length;
      changes.changed += changed;
      changes.added += differing.length - changed;
    }
    done += piece.length;
    progress(done);
  }
}

async function write(db: Connection, table: MovedTable, rows: readonly Row[]): Promise<void> {
  const { name, columns, key } = table;
  const values = columns.filter((column) => !key.includes(column));
  const change =
    values.length === 0
      ? sql`NOTHING`
      : sql`UPDATE SET ${sql.join(
          values.map((column) => sql`${sql.ref(column)} = ${sql.ref(`excluded.${column}`)}`),
        )}`;
  // Without a condition, SQLite takes ON for the start of a join.
  await sql`
    INSERT INTO ${sql.table(name)} (${names(columns)})
    SELECT ${names(columns)} FROM ${asTable(db, table, columns, rows)} AS copied WHERE true
    ON CONFLICT (${names(key)}) DO ${change}`.execute(db);
}

/** Adds rows that the target is sure not to have. */
export async function addRows(
  db: Connection,
  table: MovedTable,
  rows: readonly Row[],
): Promise<void> {
  await sql`
    INSERT INTO ${sql.table(table.name)} (${names(table.columns)})
    SELECT ${names(table.columns)} FROM ${asTable(db, table, table.columns, rows)} AS copied`.execute(
    db,
  );
}

export async function countOf(db: Connection, { name }: MovedTable): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    SELECT count(*) AS count FROM ${sql.table(name)}`.execute(db);
  return rows[0]?.count ?? 0;
}

export async function isEmpty(db: Connection, { name }: MovedTable): Promise<boolean> {
  return (await sql`SELECT 1 FROM ${sql.table(name)} LIMIT 1`.execute(db)).rows.length === 0;
}
