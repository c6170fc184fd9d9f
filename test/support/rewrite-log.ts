import Database from 'better-sqlite3';

import { chainHash } from '../../src/store/tables/audit-chain.ts';
import type { AuditRow } from '../../src/store/tables/audit-chain.ts';

/** Somebody with access to the file: no trigger stops them. */
export function tamper(file: string, change: (database: Database.Database) => void): void {
  const database = new Database(file);
  for (const trigger of ['update', 'rewrite', 'delete']) {
    database.exec(`DROP TRIGGER IF EXISTS audit_log_no_${trigger}`);
  }
  database.pragma('foreign_keys = OFF');
  change(database);
  database.close();
}

/**
 * The best that somebody with the file alone can do: names another actor in a row, computes all hashes after it
 * anew, and forges the bot's own copies of the head.
 */
export function rewriteLog(file: string, row: number, actor: string): void {
  tamper(file, (database) => {
    database.prepare('UPDATE audit_log SET actor = ? WHERE id = ?').run(actor, row);
    const rows = database
      .prepare<[number], AuditRow>('SELECT * FROM audit_log WHERE id >= ? ORDER BY id')
      .all(row);
    let previousHash = rows[0]?.previous_hash ?? '';
    const update = database.prepare(
      'UPDATE audit_log SET previous_hash = ?, hash = ? WHERE id = ?',
    );
    for (const one of rows) {
      const hash = chainHash(previousHash, one);
      update.run(previousHash, hash, one.id);
      previousHash = hash;
    }
    forgeCopies(database);
  });
}

/** Cuts off the rows after this one, and forges the bot's own copies of the head. */
export function cutLog(file: string, last: number): void {
  tamper(file, (database) => {
    database.prepare('DELETE FROM audit_log WHERE id > ?').run(last);
    forgeCopies(database);
  });
}

function forgeCopies(database: Database.Database): void {
  database.exec(`UPDATE sync_state SET value =
    (SELECT id || ' ' || hash FROM audit_log ORDER BY id DESC LIMIT 1) || ' ${Date.now()} 0'
    WHERE name LIKE 'audit_head%'`);
}
