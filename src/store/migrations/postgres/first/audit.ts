import { table } from './table.ts';

const entryId = 'coalesce(intent_id, id)';

export const auditTables: readonly string[] = [
  table(
    'audit_log',
    `id INTEGER PRIMARY KEY,
     kind TEXT NOT NULL CHECK (kind IN ('intent', 'outcome', 'refusal')),
     intent_id INTEGER REFERENCES audit_log (id),
     at INTEGER NOT NULL,
     actor TEXT NOT NULL,
     confirmer TEXT,
     command TEXT NOT NULL,
     arguments TEXT NOT NULL,
     target TEXT,
     reason TEXT,
     event_id TEXT NOT NULL,
     room_id TEXT NOT NULL,
     status TEXT,
     detail TEXT,
     previous_hash TEXT NOT NULL,
     hash TEXT NOT NULL,
     item_id INTEGER,
     form INTEGER NOT NULL DEFAULT 1 CHECK (form IN (1, 2)),
     salts TEXT,
     CHECK ((kind = 'outcome') = (intent_id IS NOT NULL)),
     CHECK ((kind = 'intent') = (status IS NULL))`,
  ),
  // A sequence would leave gaps, and a row that was cut off at the end would not be missed.
  table('audit_log_numbers', 'last_id INTEGER NOT NULL'),
  `INSERT INTO audit_log_numbers VALUES (0)`,
  `CREATE INDEX audit_log_outcome ON audit_log (intent_id, id, status) WHERE intent_id IS NOT NULL`,
  `CREATE INDEX audit_log_target ON audit_log (target, id)
   WHERE kind != 'outcome' AND target IS NOT NULL`,
  `CREATE INDEX audit_log_actor ON audit_log (actor, id) WHERE kind != 'outcome'`,
  `CREATE INDEX audit_log_actor_command ON audit_log (actor, command, id) WHERE kind != 'outcome'`,
  `CREATE INDEX audit_log_actor_status ON audit_log (actor, status, (${entryId}))
   WHERE status IS NOT NULL`,
  `CREATE INDEX audit_log_confirmer ON audit_log (confirmer, id, command)
   WHERE kind != 'outcome' AND confirmer != actor`,
  `CREATE INDEX audit_log_command ON audit_log (command, id) WHERE kind != 'outcome'`,
  `CREATE INDEX audit_log_command_status ON audit_log (command, status, (${entryId}))
   WHERE status IS NOT NULL`,
  `CREATE INDEX audit_log_status ON audit_log (status, (${entryId})) WHERE status IS NOT NULL`,
  `CREATE INDEX audit_log_event ON audit_log (event_id, id) WHERE kind != 'outcome'`,
  `CREATE INDEX audit_log_item ON audit_log (item_id, id)
   WHERE kind != 'outcome' AND item_id IS NOT NULL`,
  `CREATE INDEX audit_log_at ON audit_log (at, kind, actor, status)`,
];

const refuse = 'EXECUTE FUNCTION refuse_audit_change()';

export const auditTriggers: readonly string[] = [
  `CREATE FUNCTION number_audit_row() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     IF NEW.id IS NULL THEN
       UPDATE audit_log_numbers SET last_id = last_id + 1 RETURNING last_id INTO NEW.id;
     ELSE
       UPDATE audit_log_numbers SET last_id = greatest(last_id, NEW.id);
     END IF;
     RETURN NEW;
   END $$`,
  `CREATE TRIGGER audit_log_number BEFORE INSERT ON audit_log
   FOR EACH ROW EXECUTE FUNCTION number_audit_row()`,
  `CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     RAISE EXCEPTION 'the audit log is append-only';
   END $$`,
  `CREATE TRIGGER audit_log_no_update BEFORE UPDATE OF
     id, kind, intent_id, at, command, event_id, room_id, status, item_id, form, previous_hash, hash ON audit_log
   FOR EACH ROW ${refuse}`,
  // Commitments stay where texts go.
  `CREATE TRIGGER audit_log_no_rewrite BEFORE UPDATE ON audit_log FOR EACH ROW
   WHEN (NEW.salts IS NULL OR NEW.salts NOT LIKE '{"salts":{%},"commitments":{%}}'
     OR NEW.salts IS NOT DISTINCT FROM OLD.salts) ${refuse}`,
  `CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log FOR EACH ROW ${refuse}`,
  `CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log ${refuse}`,
];
