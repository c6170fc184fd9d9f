import type { Config } from '../config/schema.ts';
import { openStore } from '../store/store.ts';

/** Checks the hash chain of the audit log. @returns whether it is in order */
export async function verifyAuditLog({ database }: Pick<Config, 'database'>): Promise<boolean> {
  const store = await openStore(database.path, { readonly: true });
  const anchor = await store.anchor.get();
  const { count, head, fault } = await store.auditLog.verify(anchor);
  await store.close();
  const anchorText =
    anchor === undefined
      ? 'No head has been posted in the room yet.'
      : `Posted in the room at ${new Date(anchor.at).toISOString()}: row ${anchor.count}, head ${anchor.head}`;
  if (fault !== undefined) {
    console.error(`The audit log was tampered with: row ${fault.id} is ${fault.kind}.`);
    console.error(`The ${count} rows before it are in order.`);
    console.error(anchorText);
    return false;
  }
  console.log(`${count} rows in order, head ${head}`);
  console.log(anchorText);
  return true;
}
