import { count, size } from '../chat/answers/phrases.ts';
import type { Config } from '../config/schema.ts';
import { backupDatabase } from '../store/files/backup.ts';
import type { Output } from './output.ts';

/** Copies the database to a new file, and says what the copy contains and what it doesn't. */
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
      `Not included: the encryption keys in ${config.encryption.path}. Stop the bot, then copy that folder.\n`,
    );
  }
}
