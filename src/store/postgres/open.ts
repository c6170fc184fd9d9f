import { isDeepStrictEqual } from 'node:util';

import {
  HandleEmptyInListsPlugin,
  Kysely,
  PostgresDialect,
  replaceWithNoncontingentExpression,
  sql,
} from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Client } from 'pg';

import { LawspeakerError, SetupError } from '../../core/errors.ts';
import { present } from '../../core/present.ts';
import { reasonOf } from '../../core/system-error.ts';
import type { DatabaseInspection } from '../database-inspection.ts';
import { processText } from '../files/lock.ts';
import type { BotProcess, DatabaseLock } from '../files/lock.ts';
import * as first from '../migrations/postgres/0020-first.ts';
import * as homeservers from '../migrations/postgres/0021-homeservers.ts';
import * as longTargets from '../migrations/postgres/0023-long-targets.ts';
import * as searchWords from '../migrations/postgres/0024-search-words.ts';
import type { Tables } from '../schema.ts';
import { newClient } from './connect.ts';
import { cannotBeOpened, mayNotCreate, withoutPassword } from './errors.ts';
import { takeLease } from './lease/take-lease.ts';
import { openPool } from './pool.ts';
import type { PoolOptions } from './pool.ts';

const migrations = {
  '0020-first': first,
  '0021-homeservers': homeservers,
  '0023-long-targets': longTargets,
  '0024-search-words': searchWords,
};
const known = Object.keys(migrations);

/** What `inspectPostgres` finds. */
interface PostgresInspection extends DatabaseInspection {
  /** ` (process 4711 on chat1, started 2026-11-27 13:05 UTC)` if a bot uses it. */
  readonly holder: string | undefined;
}

/**
 * Looks at a database and changes nothing, also while a bot uses it.
 *
 * @throws SetupError a bot could not use it
 */
export async function inspectPostgres(url: string): Promise<PostgresInspection> {
  await assertUsable(url);
  const { db } = await connectedTo(url, { readonly: true, fence: undefined });
  try {
    const made = await migrationsIn(db);
    if (isNewer(made)) {
      throw newerError(url);
    }
    if (made.length === 0 && !(await mayCreate(db))) {
      throw mayNotCreate(url);
    }
    const values = made.length === 0 ? [] : await db.selectFrom('sync_state').selectAll().execute();
    return {
      state: made.length === 0 ? 'missing' : isDeepStrictEqual(made, known) ? 'current' : 'older',
      syncState: new Map(values.map(({ name, value }) => [name, value])),
      holder: await leaderIn(db),
    };
  } catch (error) {
    throw error instanceof SetupError ? error : cannotBeOpened(url, error);
  } finally {
    await db.destroy();
  }
}

/** Whether the user may create tables where the bot would. */
async function mayCreate(db: Kysely<Tables>): Promise<boolean> {
  const { rows } = await sql<{ may: boolean | null }>`
    SELECT has_schema_privilege(current_schema(), 'CREATE') AS may`.execute(db);
  return rows[0]?.may === true;
}

async function leaderIn(db: Kysely<Tables>): Promise<string | undefined> {
  const { rows: tables } = await sql<{ is_there: number }>`
    SELECT count(to_regclass('lawspeaker_lease')) AS is_there`.execute(db);
  if (tables[0]?.is_there !== 1) {
    return undefined;
  }
  const { rows } = await sql<Pick<BotProcess, 'host' | 'pid' | 'startedAt'>>`
    SELECT host, pid, started_at AS "startedAt"
    FROM lawspeaker_lease JOIN lawspeaker_processes ON id = holder
    WHERE ends_at > clock_timestamp()`.execute(db);
  return rows[0] && processText(rows[0]);
}

interface PostgresOptions {
  readonly readonly?: boolean | undefined;
  /** Keep other bots from opening it until it is closed; or the lock that does so. */
  readonly lock?: boolean | DatabaseLock | undefined;
  readonly inform?: ((message: string) => void) | undefined;
}

/**
 * Opens the database at a URL, and creates or migrates its tables.
 *
 * @throws SetupError it can't be opened, or is newer than this program, or another bot uses it
 */
export async function openPostgres(
  url: string,
  { readonly = false, lock = false, inform }: PostgresOptions,
): Promise<Kysely<Tables>> {
  const held =
    lock === true
      ? await takeLease(url, { assertMayLead: async (client) => assertMayLead(client, url) })
      : lock === false
        ? undefined
        : lock;
  const { db, cutOff } = await connectedTo(url, { readonly, fence: held?.lease?.fence });
  held?.lease?.lost.catch(cutOff);
  const releaseOwn = async () => (lock === true ? held?.release() : undefined);
  try {
    await prepare(db, url, { readonly, inform });
  } catch (error) {
    await db.destroy();
    await releaseOwn();
    throw error instanceof LawspeakerError ? error : cannotBeOpened(url, error);
  }
  const destroy = db.destroy.bind(db);
  return Object.assign(db, {
    async destroy() {
      try {
        await destroy();
      } finally {
        await releaseOwn();
      }
    },
  });
}

async function connectedTo(
  url: string,
  options: PoolOptions,
): Promise<{ readonly db: Kysely<Tables>; readonly cutOff: () => void }> {
  const pool = await openPool(url, options);
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool }),
    // Nothing is one of no values. SQLite knows that.
    plugins: [new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression })],
  });
  return { db, cutOff: pool.cutOff };
}

async function prepare(
  db: Kysely<Tables>,
  url: string,
  { readonly, inform }: Pick<PostgresOptions, 'inform' | 'readonly'>,
): Promise<void> {
  await assertUsable(url);
  const made = await migrationsIn(db);
  if (isDeepStrictEqual(made, known)) {
    return;
  }
  if (isNewer(made)) {
    throw newerError(url);
  }
  if (readonly === true) {
    throw made.length === 0
      ? new SetupError(
          `The database ${withoutPassword(url)} has no tables.`,
          'Check database.url. The bot makes the tables at its first start.',
        )
      : new SetupError(
          `The database ${withoutPassword(url)} is from an older Lawspeaker.`,
          'Start the bot of this version once: it updates the database.',
        );
  }
  // A new database is nothing to be told about.
  await migrate(db, url, made.length === 0 ? undefined : inform);
}

/** @throws SetupError it can't be reached, or the bot's tables can't be in it */
async function assertUsable(url: string): Promise<void> {
  const client = await newClient(url);
  try {
    await client.connect();
    await assertUsableOn(client, url);
  } catch (error) {
    throw error instanceof SetupError ? error : cannotBeOpened(url, error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** @throws SetupError it stores texts in another encoding, or tables are not made where they are */
async function assertUsableOn(client: Client, url: string): Promise<void> {
  const { rows } = await client.query<{
    encoding: string;
    schema: string | null;
    tables: string | null;
  }>(
    `SELECT current_setting('server_encoding') AS encoding, current_schema() AS schema, (
       SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
       WHERE pg_class.oid = to_regclass('lawspeaker_lease')
     ) AS tables`,
  );
  const { encoding, schema = null, tables = null } = rows[0] ?? {};
  if (encoding !== 'UTF8') {
    throw new SetupError(
      `The database ${withoutPassword(url)} has the encoding ${encoding}.`,
      'Create it with the encoding UTF8: createdb --encoding=UTF8 --template=template0.',
    );
  }
  if (schema === null) {
    throw mayNotCreate(url);
  }
  if (tables !== null && tables !== schema) {
    throw new SetupError(
      `The database ${withoutPassword(url)} has tables of a bot in the schema ${tables}, and new ones would be made in the schema ${schema}.`,
      'Let search_path name only the schema of this bot: ALTER ROLE … SET search_path = ….',
    );
  }
}

/**
 * Checks that a process of this version could lead. One that could not must not stand by: it would be found out only
 * when it is needed.
 *
 * @throws SetupError the database can't be used, or is newer than this program
 */
export async function assertMayLead(client: Client, url: string): Promise<void> {
  await assertUsableOn(client, url);
  const { rows: tables } = await client.query<{ is_there: boolean }>(
    `SELECT to_regclass(${migrationTable}) IS NOT NULL AS is_there`,
  );
  if (tables[0]?.is_there !== true) {
    return;
  }
  const { rows } = await client.query<{ name: string }>('SELECT name FROM kysely_migration');
  if (isNewer(rows.map(({ name }) => name))) {
    throw newerError(url);
  }
}

function newerError(url: string): SetupError {
  return new SetupError(
    `The database ${withoutPassword(url)} is from a newer Lawspeaker.`,
    'Install that version again, or restore the backup that you made before the upgrade.',
  );
}

/** Another program may have a table of this name in another schema. */
const migrationTable = `format('%I.kysely_migration', current_schema())`;

const isNewer = (made: readonly string[]) => made.some((name) => !Object.hasOwn(migrations, name));

/** The migrations that the database has had. */
async function migrationsIn(db: Kysely<Tables>): Promise<readonly string[]> {
  const { rows: tables } = await sql<{ is_there: number }>`
    SELECT count(to_regclass(${sql.raw(migrationTable)})) AS is_there`.execute(db);
  if (tables[0]?.is_there !== 1) {
    return [];
  }
  const { rows } = await sql<{ name: string }>`
    SELECT name FROM kysely_migration ORDER BY name`.execute(db);
  return rows.map(({ name }) => name);
}

/** The same, each taking any time: a new index of a large table can take minutes. */
const withoutLimit = Object.fromEntries(
  Object.entries(migrations).map(([name, { up }]) => [
    name,
    {
      async up(db: Kysely<unknown>) {
        await sql`SET LOCAL statement_timeout = 0`.execute(db);
        await up(db);
      },
    },
  ]),
);

/** Makes all missing migrations in one transaction. */
async function migrate(
  db: Kysely<Tables>,
  url: string,
  inform: PostgresOptions['inform'] = () => undefined,
): Promise<void> {
  const at = withoutPassword(url);
  inform(
    `The database ${at} is from an older version and is being updated. If it is large, this takes a few minutes.`,
  );
  const { rows } = await sql<{ schema: string }>`SELECT current_schema() AS schema`.execute(db);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => withoutLimit },
    // Otherwise, it takes a table of another schema for its own.
    ...present({ migrationTableSchema: rows[0]?.schema }),
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    throw new SetupError(
      `The database ${at} can't be updated (${reasonOf(error)}).`,
      'The user must own the database, or be allowed to create tables in its schema. Nothing was changed.',
    );
  }
  inform(`The database ${at} is updated.`);
}
