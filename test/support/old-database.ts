import { readdirSync } from 'node:fs';

import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Migration } from 'kysely/migration';

const folder = new URL('../../src/store/migrations/', import.meta.url);

/** Makes a database as the version of the bot did whose last migration this was. */
export async function makeOldDatabase(file: string, lastMigration: string): Promise<void> {
  const names = readdirSync(folder)
    .map((name) => name.replace(/\.ts$/, ''))
    .filter((name) => name <= lastMigration);
  const migrations: Record<string, Migration> = {};
  for (const name of names) {
    migrations[name] = (await import(new URL(`${name}.ts`, folder).href)) as Migration;
  }
  const db = new Kysely<unknown>({
    dialect: new SqliteDialect({ database: new Database(file) }),
  });
  const { error } = await new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
  }).migrateToLatest();
  await db.destroy();
  if (error !== undefined) {
    throw error;
  }
}
