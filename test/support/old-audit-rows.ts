import Database from 'better-sqlite3';

import { genesis, oldChainHash } from '../../src/store/tables/audit/audit-chain.ts';

/** Writes entries as the version did that knew no commitments, into a database without entries. */
export function writeOldAuditRows(
  file: string,
  count: number,
  reasonOf: (id: number) => string | null = () => 'spam',
): void {
  const db = new Database(file);
  let previous = genesis;
  for (let id = 1; id <= count; id += 1) {
    const row = {
      kind: 'intent' as const,
      intent_id: null,
      at: id,
      actor: '@ana:x',
      confirmer: null,
      command: 'lock',
      arguments: '{"users":["@mallory:x"],"é":"\\n"}',
      target: '@mallory:x',
      reason: reasonOf(id),
      event_id: `$${id}`,
      room_id: '!r:x',
      item_id: id % 2 === 0 ? id : null,
      status: null,
      detail: null,
    };
    const hash = oldChainHash(previous, row);
    db.prepare(
      `INSERT INTO audit_log (kind, intent_id, at, actor, confirmer, command, arguments, target, reason, event_id,
         room_id, item_id, status, detail, previous_hash, hash)
       VALUES (@kind, @intent_id, @at, @actor, @confirmer, @command, @arguments, @target, @reason, @event_id,
         @room_id, @item_id, @status, @detail, @previous, @hash)`,
    ).run({ ...row, previous, hash });
    previous = hash;
  }
  db.close();
}
