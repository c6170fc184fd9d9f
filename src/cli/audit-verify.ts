import type { Config } from '../config/schema.ts';
import { openStore } from '../store/store.ts';

/** Checks the hash chain of the audit log. @returns whether it is in order */
export async function verifyAuditLog({ database }: Pick<Config, 'database'>): Promise<boolean> {
  const store = await openStore(database.path, { readonly: true });
  const posted = await store.anchor.get();
  const { count, head, fault } = await store.auditLog.verify(posted);
  await store.close();
  const postedText =
    posted === undefined
      ? 'No head has been posted in the room yet.'
      : `Posted in the room at ${new Date(posted.at).toISOString()}: row ${posted.count}, head ${posted.head}`;
  if (fault !== undefined) {
    console.error(`The audit log was tampered with: row ${fault.id} is ${fault.kind}.`);
    console.error(`The ${count} rows before it are in order.`);
    console.error(postedText);
    return false;
  }
  console.log(`${count} rows in order, head ${head}`);
  console.log(postedText);
  return true;
}
