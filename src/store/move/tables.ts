import { sql } from 'kysely';

import { openDatabase } from '../database.ts';
import type { Connection } from '../schema.ts';

/** A table that is moved, with its columns and those of its key. */
export interface MovedTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
  /** The column with the number that the database gives each new row. */
  readonly number: string | undefined;
  /** SQLite remembers the last number, and gives none out again. */
  readonly isCounted: boolean;
}

/** All tables, in the order in which they are copied: each after those that it refers to. */
export interface MovedTables {
  readonly auditLog: MovedTable;
  readonly others: readonly MovedTable[];
  /** Triggers on the others write to these. */
  readonly sums: readonly MovedTable[];
  /** Says whether a copy is complete, so it comes last. */
  readonly syncState: MovedTable;
}

const sumNames = new Set([
  'action_totals',
  'audit_days',
  'daily_counts',
  'daily_matches',
  'daily_work',
  'item_totals',
  'open_intents',
  'report_totals',
  'work_totals',
]);

/** Events are handled in the order of a number that SQLite does not list as a column. */
const withRowid = 'inbox';

/** The tables of this version. They are the same on SQLite and on PostgreSQL. */
export async function movedTables(): Promise<MovedTables> {
  const db = await openDatabase(':memory:');
  try {
    const all = inOrder(await tablesOf(db), await referencesOf(db));
    const named = (name: string): MovedTable => {
      const found = all.find((table) => table.name === name);
      if (found === undefined) {
        throw new Error(`there is no table ${name}`);
      }
      return found;
    };
    const special = new Set(['audit_log', 'sync_state', ...sumNames]);
    return {
      auditLog: named('audit_log'),
      others: all.filter(({ name }) => !special.has(name)),
      sums: all.filter(({ name }) => sumNames.has(name)),
      syncState: named('sync_state'),
    };
  } finally {
    await db.destroy();
  }
}

export function listOf({ auditLog, others, sums, syncState }: MovedTables): MovedTable[] {
  return [auditLog, ...others, ...sums, syncState];
}

async function tablesOf(db: Connection): Promise<MovedTable[]> {
  const { rows } = await sql<{ table: string; counts: number; name: string; pk: number }>`
    SELECT list.name AS "table", made.sql LIKE '%AUTOINCREMENT%' AS counts, info.name, info.pk
    FROM pragma_table_list AS list
    JOIN sqlite_schema AS made ON made.type = 'table' AND made.name = list.name
    CROSS JOIN pragma_table_info(list.name) AS info
    WHERE list.schema = 'main' AND list.type = 'table'
      AND list.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND list.name NOT LIKE 'kysely!_%' ESCAPE '!'
    ORDER BY list.name, info.cid`.execute(db);
  return [...Map.groupBy(rows, (row) => row.table)].map(([name, found]) => {
    const isCounted = found[0]?.counts === 1;
    const rowid = name === withRowid ? ['rowid'] : [];
    const key = found
      .filter(({ pk }) => pk > 0)
      .toSorted((one, other) => one.pk - other.pk)
      .map((column) => column.name);
    return {
      name,
      columns: [...rowid, ...found.map((column) => column.name)],
      key,
      number: rowid[0] ?? (isNumbered(name, key) ? 'id' : undefined),
      isCounted,
    };
  });
}

/** The audit log numbers its rows itself. */
function isNumbered(name: string, key: readonly string[]): boolean {
  return (
    key.length === 1 &&
    key[0] === 'id' &&
    name !== 'audit_log' &&
    !sumNames.has(name) &&
    name !== 'secrets'
  );
}

/** The tables that each table refers to. */
async function referencesOf(db: Connection): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const { rows } = await sql<{ from: string; to: string }>`
    SELECT list.name AS "from", reference."table" AS "to"
    FROM pragma_table_list AS list CROSS JOIN pragma_foreign_key_list(list.name) AS reference
    WHERE list.schema = 'main' AND reference."table" != list.name`.execute(db);
  return new Map(
    [...Map.groupBy(rows, (row) => row.from)].map(([name, found]) => [
      name,
      new Set(found.map((row) => row.to)),
    ]),
  );
}

function inOrder(
  tables: readonly MovedTable[],
  references: ReadonlyMap<string, ReadonlySet<string>>,
): MovedTable[] {
  const ordered = new Map<string, MovedTable>();
  const add = (table: MovedTable): void => {
    tables.filter(({ name }) => references.get(table.name)?.has(name) === true).forEach(add);
    ordered.set(table.name, table);
  };
  tables.forEach(add);
  return [...ordered.values()];
}
