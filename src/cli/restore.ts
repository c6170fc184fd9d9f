import { count, dateTime } from '../chat/answers/phrases.ts';
import type { Config } from '../config/schema.ts';
import { restoreDatabase } from '../store/files/restore.ts';
import { assertFile } from './backup.ts';
import type { Output } from './output.ts';

/** Puts a backup in the place of the database, and says what it contains and where the old database is kept. */
export async function restore(
  { database, encryption }: Pick<Config, 'database' | 'encryption'>,
  file: string,
  output: Output,
): Promise<void> {
  assertFile(database);
  const restored = await restoreDatabase(database.path, file, Date.now());
  const { auditRows, head, lastAt, kept } = restored;
  await output(
    `${database.path}: restored from ${file}, ${count(auditRows, 'row')} of the audit log, head ${head}\n`,
  );
  if (lastAt !== undefined) {
    await output(`Its last action: ${dateTime(lastAt)}\n`);
  }
  if (kept !== undefined) {
    const rows =
      kept.auditRows === undefined
        ? 'can’t be read'
        : `${count(kept.auditRows, 'row')} of the audit log`;
    await output(`The database that was there is kept as ${kept.file} (${rows}).\n`);
  }
  if (encryption.enabled) {
    await output(
      `The encryption keys in ${encryption.path} are not part of a backup, and are unchanged.\n`,
    );
  }
  await output('Start the bot: it repeats nothing, and tells the room if anything is missing.\n');
}
