import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** The same as SQLite's. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ server: string }>`
    SELECT substr(reporter, strpos(reporter, ':') + 1) AS server FROM reports
    WHERE reporter NOT LIKE '@forgotten-%:invalid' AND strpos(reporter, ':') > 0 LIMIT 1`.execute(
    db,
  );
  const server = sql.lit(rows[0]?.server ?? '');
  const newColumn = sql`ADD COLUMN server TEXT COLLATE "C" NOT NULL`;
  const lists = sql`('reports.event', 'reports.user')`;
  const statements = [
    // With a default, PostgreSQL needn't write the rows again.
    sql`ALTER TABLE reports ${newColumn} DEFAULT ${server}`,
    sql`ALTER TABLE reports ALTER COLUMN server DROP DEFAULT`,
    sql`ALTER TABLE reports DROP CONSTRAINT reports_pkey`,
    sql`ALTER TABLE reports ADD PRIMARY KEY (kind, report_id, received_ts, subject, server)`,
    sql`DROP INDEX reports_received`,
    sql`
      CREATE INDEX reports_received ON reports (received_ts, kind, report_id, subject, server)`,
    sql`ALTER TABLE report_items ${newColumn} DEFAULT ${server}`,
    sql`ALTER TABLE report_items ALTER COLUMN server SET DEFAULT ''`,
    sql`CREATE INDEX report_items_server_state ON report_items (server, state, last_report_at, id)`,
    sql`ALTER TABLE sign_up_waves ${newColumn} DEFAULT ${server}`,
    sql`ALTER TABLE sign_up_waves ALTER COLUMN server SET DEFAULT ''`,
    sql`DROP INDEX sign_up_waves_open`,
    sql`CREATE UNIQUE INDEX sign_up_waves_open ON sign_up_waves (rule, server) WHERE ended_at IS NULL`,
    // How far the lists were read.
    sql`UPDATE sync_state SET name = name || ' ' || ${server} WHERE name IN ${lists} AND ${server} != ''`,
    sql`DELETE FROM sync_state WHERE name IN ${lists}`,
  ];
  for (const statement of statements) {
    await statement.execute(db);
  }
}
