import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { dialectOf } from '../../dialect.ts';
import { indexedTarget } from '../../migrations/postgres/0023-long-targets.ts';
import type { Connection } from '../../schema.ts';

/** A condition: the target of an entry is one of these. The index of targets finds it. */
export function hasTarget(
  db: Connection,
  targets: readonly string[],
  entry = 'audit_log',
): RawBuilder<boolean> {
  const target = sql.ref(`${entry}.target`);
  const isOne = sql<boolean>`${target} IN (${sql.join(targets)})`;
  if (dialectOf(db) === 'sqlite') {
    return isOne;
  }
  const beginning = (text: RawBuilder<unknown>) => sql`left(${text}, ${sql.lit(indexedTarget)})`;
  const beginnings = targets.map((one) => beginning(sql`${one}`));
  return sql<boolean>`(${beginning(target)} IN (${sql.join(beginnings)}) AND ${isOne})`;
}
