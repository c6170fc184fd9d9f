import type { Connection } from '../../schema.ts';
import { syncState } from '../sync-state.ts';
import { createOldRowsDigest } from './audit-chain.ts';

const name = 'audit_old_rows';
const readAtOnce = 1000;

/**
 * The previous hash of the first row of form 2, in a log that has only rows of form 1. It is over all of them, so the
 * migration notes it.
 *
 * @param lastHash the hash of the last row
 */
export async function previousHashAfterOldRows(db: Connection, lastHash: string): Promise<string> {
  const [notedAfter, noted] = ((await syncState(db).get(name)) ?? '').split(' ');
  return notedAfter === lastHash && noted !== undefined ? noted : noteOldRows(db);
}

/** Reads all rows of form 1, and notes what the first row of form 2 has as its previous hash. */
export async function noteOldRows(db: Connection): Promise<string> {
  const digest = createOldRowsDigest();
  let last = { id: 0, hash: '' };
  for (;;) {
    const rows = await db
      .selectFrom('audit_log')
      .selectAll()
      .where('id', '>', last.id)
      .orderBy('id')
      .limit(readAtOnce)
      .execute();
    rows.forEach((row) => digest.add(row));
    last = rows.at(-1) ?? last;
    if (rows.length < readAtOnce) {
      const previousHash = digest.previousHashAfter(last.hash);
      await syncState(db).set(name, `${last.hash} ${previousHash}`);
      return previousHash;
    }
  }
}
