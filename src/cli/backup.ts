import { count, size } from '../chat/answers/phrases.ts';
import type { Config } from '../config/schema.ts';
import { SetupError } from '../core/errors.ts';
import { backupDatabase } from '../store/files/backup.ts';
import type { Output } from './output.ts';

/** @throws SetupError the database is not a file: it has programs of its own for backups */
export function assertFile({ url }: Config['database']): void {
  if (url !== undefined) {
    throw new SetupError(
      'database.url: this command is for SQLite, and the database is on PostgreSQL.',
      'Use pg_dump and pg_restore of PostgreSQL: docs/running.md.',
    );
  }
}

/** Copies the database to a new file, and says what the copy contains and what it doesn't. */
export async function backup(
  config: Pick<Config, 'database' | 'encryption'>,
  file: string,
  output: Output,
): Promise<void> {
  assertFile(config.database);
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
