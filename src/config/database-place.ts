import type { Config } from './schema.ts';

/** The database as it is opened: a URL of PostgreSQL, which may hold a password, or a file. */
export function databasePlace({ url, path }: Config['database']): string {
  return url ?? path;
}
