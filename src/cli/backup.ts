import { count, size } from '../chat/answers/phrases.ts';
import type { Config } from '../config/schema.ts';
import { backupDatabase } from '../store/files/backup.ts';
import type { Output } from './output.ts';

/** Writes the database to a new file, and says what is in it and what is not. */
export async function backup(
  config: Pick<Config, 'database' | 'encryption'>,
  file: string,
  output: Output,
): Promise<void> {
  const { bytes, auditRows, head } = await backupDatabase(config.database.path, file);
  await output(
    `${file}: ${size(bytes)}, ${count(auditRows, 'row')} of the audit log${head === undefined ? '' : `, head ${head}`}\n`,
  );
  if (config.encryption.enabled) {
    await output(
      `Not in it: the keys in ${config.encryption.path}. Stop the bot, then copy that folder.\n`,
    );
  }
}
