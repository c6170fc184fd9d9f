import { sql } from 'kysely';

import { dialectOf } from '../../dialect.ts';
import type { Connection } from '../../schema.ts';

/** A table, its columns with texts, and the number of its rows if it has one. */
interface TableWithTexts {
  readonly table: string;
  readonly columns: readonly string[];
  readonly number: string | undefined;
}

/** All tables with texts, those of the migrations aside, by name. */
export async function tablesWithTexts(db: Connection): Promise<TableWithTexts[]> {
  const { rows } = await (
    dialectOf(db) === 'sqlite'
      ? sql<{ table: string; name: string; number: string | null }>`
        SELECT list.name AS "table", info.name, CASE list.wr WHEN 0 THEN 'rowid' END AS number
        FROM pragma_table_list AS list CROSS JOIN pragma_table_info(list.name) AS info
        WHERE list.schema = 'main' AND list.type = 'table' AND info.type = 'TEXT'
          AND list.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND list.name NOT LIKE 'kysely!_%' ESCAPE '!'
        ORDER BY list.name, info.cid`
      : sql<{ table: string; name: string; number: string | null }>`
        SELECT info.table_name::text AS "table", info.column_name::text AS name, (
          SELECT min(number.column_name::text) FROM information_schema.columns AS number
          WHERE number.table_schema = info.table_schema AND number.table_name = info.table_name
            AND number.column_name IN ('id', 'rowid') AND number.data_type = 'bigint'
        ) AS number
        FROM information_schema.columns AS info
        JOIN information_schema.tables AS list USING (table_schema, table_name)
        WHERE info.table_schema = current_schema() AND list.table_type = 'BASE TABLE'
          AND info.data_type = 'text' AND NOT starts_with(info.table_name, 'kysely_')
          AND NOT starts_with(info.table_name, 'lawspeaker_')
        ORDER BY info.table_name, info.ordinal_position`
  ).execute(db);
  return [...Map.groupBy(rows, (row) => row.table)].map(([table, found]) => ({
    table,
    columns: found.map((column) => column.name),
    number: found[0]?.number ?? undefined,
  }));
}
