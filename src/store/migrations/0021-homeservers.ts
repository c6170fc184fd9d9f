import { setImmediate as nextTurn } from 'node:timers/promises';

import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** Reports and waves of sign-ups say which homeserver they are from. Until now there was only one. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ server: string }>`
    SELECT substr(reporter, instr(reporter, ':') + 1) AS server FROM reports
    WHERE reporter NOT GLOB '@forgotten-*:invalid' AND instr(reporter, ':') > 0 LIMIT 1`.execute(
    db,
  );
  // Empty if nobody has reported anything yet, or all who have are forgotten.
  const server = sql.lit(rows[0]?.server ?? '');
  const lists = sql`('reports.event', 'reports.user')`;
  const statements = [
    sql`DROP TRIGGER reports_added`,
    // The homeserver belongs to the key: each numbers its reports itself.
    sql`
      CREATE TABLE reports_of_all (
        kind TEXT NOT NULL,
        report_id INTEGER NOT NULL,
        received_ts INTEGER NOT NULL,
        subject TEXT NOT NULL,
        server TEXT NOT NULL,
        item_id INTEGER NOT NULL REFERENCES report_items (id),
        reporter TEXT NOT NULL,
        reporter_created_at INTEGER,
        reporter_restricted INTEGER,
        reason TEXT,
        score INTEGER,
        seen_at INTEGER NOT NULL,
        PRIMARY KEY (kind, report_id, received_ts, subject, server)
      ) STRICT, WITHOUT ROWID`,
    sql`
      INSERT INTO reports_of_all
      SELECT kind, report_id, received_ts, subject, ${server}, item_id, reporter, reporter_created_at,
        reporter_restricted, reason, score, seen_at
      FROM reports`,
    sql`DROP TABLE reports`,
    sql`ALTER TABLE reports_of_all RENAME TO reports`,
    sql`CREATE INDEX reports_item ON reports (item_id, received_ts)`,
    sql`CREATE INDEX reports_item_reporter ON reports (item_id, reporter, received_ts)`,
    sql`CREATE INDEX reports_reporter ON reports (reporter, item_id, received_ts)`,
    sql`CREATE INDEX reports_received ON reports (received_ts)`,
    sql.raw(reportsAdded),
    // Of its newest report.
    sql`ALTER TABLE report_items ADD COLUMN server TEXT NOT NULL DEFAULT ''`,
    sql`UPDATE report_items SET server = ${server}`,
    sql`CREATE INDEX report_items_server_state ON report_items (server, state, last_report_at, id)`,
    sql`ALTER TABLE sign_up_waves ADD COLUMN server TEXT NOT NULL DEFAULT ''`,
    sql`UPDATE sign_up_waves SET server = ${server}`,
    sql`DROP INDEX sign_up_waves_open`,
    sql`CREATE UNIQUE INDEX sign_up_waves_open ON sign_up_waves (rule, server) WHERE ended_at IS NULL`,
    // How far the lists were read.
    sql`UPDATE sync_state SET name = name || ' ' || ${server} WHERE name IN ${lists} AND ${server} != ''`,
    sql`DELETE FROM sync_state WHERE name IN ${lists}`,
  ];
  for (const statement of statements) {
    await statement.execute(db);
    // In a large database, some take seconds. Health probes must be answered meanwhile.
    await nextTurn();
  }
}

/** As in migration 0012. */
const reportsAdded = `
  CREATE TRIGGER reports_added AFTER INSERT ON reports BEGIN
    INSERT INTO daily_counts (day, reports) VALUES (NEW.received_ts / 86400000, 1)
    ON CONFLICT DO UPDATE SET reports = reports + excluded.reports;
    INSERT INTO report_totals (kind, count) VALUES (NEW.kind, 1)
    ON CONFLICT DO UPDATE SET count = count + excluded.count;
  END`;
