import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** The report queue, and which item of it an audited action belongs to. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`
      CREATE TABLE report_items (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('event', 'user')),
        subject TEXT NOT NULL,
        room_id TEXT,
        room_name TEXT,
        sender TEXT,
        sender_created_at INTEGER,
        content TEXT,
        state TEXT NOT NULL CHECK (state IN ('open', 'claimed', 'resolved', 'dismissed')),
        reports INTEGER NOT NULL,
        last_report_at INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        opened_at INTEGER NOT NULL,
        reopened INTEGER NOT NULL,
        claimed_by TEXT,
        claimed_at INTEGER,
        settled_by TEXT,
        settled_at INTEGER,
        note TEXT,
        is_backlog INTEGER NOT NULL,
        needs_look INTEGER NOT NULL,
        needs_card INTEGER NOT NULL,
        card TEXT NOT NULL CHECK (card IN ('none', 'own', 'digest')),
        card_at INTEGER,
        card_revision INTEGER NOT NULL,
        reminded_at INTEGER,
        UNIQUE (kind, subject)
      ) STRICT`,
    sql`CREATE INDEX report_items_state ON report_items (state, last_report_at)`,
    sql`CREATE INDEX report_items_sender ON report_items (sender, id)`,
    sql`CREATE INDEX report_items_room ON report_items (room_id, id)`,
    sql`CREATE INDEX report_items_look ON report_items (id) WHERE needs_look = 1`,
    sql`CREATE INDEX report_items_card ON report_items (id) WHERE needs_card = 1`,
    sql`CREATE INDEX report_items_card_at ON report_items (card_at) WHERE card_at IS NOT NULL`,
    sql`
      CREATE TABLE reports (
        kind TEXT NOT NULL,
        report_id INTEGER NOT NULL,
        received_ts INTEGER NOT NULL,
        subject TEXT NOT NULL,
        item_id INTEGER NOT NULL REFERENCES report_items (id),
        reporter TEXT NOT NULL,
        reporter_created_at INTEGER,
        reporter_restricted INTEGER,
        reason TEXT,
        score INTEGER,
        seen_at INTEGER NOT NULL,
        PRIMARY KEY (kind, report_id, received_ts, subject)
      ) STRICT, WITHOUT ROWID`,
    sql`CREATE INDEX reports_item ON reports (item_id, received_ts)`,
    sql`CREATE INDEX reports_reporter ON reports (reporter, item_id)`,
    sql`
      CREATE TABLE report_history (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        item_id INTEGER NOT NULL REFERENCES report_items (id),
        at INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN (
          'reopened', 'claimed', 'released', 'resolved', 'dismissed', 'observed', 'proposed'
        )),
        actor TEXT,
        detail TEXT,
        needs_note INTEGER NOT NULL
      ) STRICT`,
    sql`CREATE INDEX report_history_item ON report_history (item_id, id)`,
    sql`CREATE INDEX report_history_at ON report_history (at)`,
    sql`CREATE INDEX report_history_note ON report_history (id) WHERE needs_note = 1`,
    sql`
      CREATE TABLE rule_firings (
        item_id INTEGER NOT NULL REFERENCES report_items (id),
        rule TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('act', 'propose', 'observe')),
        at INTEGER NOT NULL,
        ended_at INTEGER,
        PRIMARY KEY (item_id, rule)
      ) STRICT, WITHOUT ROWID`,
    sql`CREATE INDEX rule_firings_at ON rule_firings (at)`,
    // Part of an entry's hash where it is there: entries from before this migration keep theirs.
    sql`ALTER TABLE audit_log ADD COLUMN item_id INTEGER`,
    sql`CREATE INDEX audit_log_item ON audit_log (item_id, id) WHERE item_id IS NOT NULL`,
  ];
  for (const statement of statements) {
    await statement.execute(db);
  }
}
