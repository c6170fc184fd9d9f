import { chainHash } from '../../src/store/tables/audit/audit-chain.ts';
import type { AuditRow } from '../../src/store/tables/audit/audit-chain.ts';
import type { TestDatabase } from './test-database.ts';

/**
 * The best that somebody with the database alone can do: names another actor in a row, computes all hashes after it
 * anew, and forges the bot's own copies of the head.
 */
export async function rewriteLog(
  database: TestDatabase,
  row: number,
  actor: string,
): Promise<void> {
  await database.tamper(`UPDATE audit_log SET actor = '${actor}' WHERE id = ${row}`);
  const rows = await database.read<AuditRow>(
    `SELECT * FROM audit_log WHERE id >= ${row} ORDER BY id`,
  );
  let previousHash = rows[0]?.previous_hash ?? '';
  const updates = rows.map((one) => {
    const before = previousHash;
    previousHash = chainHash(before, one);
    return `UPDATE audit_log SET previous_hash = '${before}', hash = '${previousHash}' WHERE id = ${one.id}`;
  });
  await database.tamper(...updates, forgedCopies());
}

/** Cuts off the rows after this one, and forges the bot's own copies of the head. */
export async function cutLog(database: TestDatabase, last: number): Promise<void> {
  await database.tamper(`DELETE FROM audit_log WHERE id > ${last}`, forgedCopies());
}

const forgedCopies = () => `UPDATE sync_state SET value =
  (SELECT id || ' ' || hash FROM audit_log ORDER BY id DESC LIMIT 1) || ' ${Date.now()} 0'
  WHERE name LIKE 'audit_head%'`;
