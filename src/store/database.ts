import { isDeepStrictEqual } from 'node:util';

import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import type { SqliteDatabase, SqliteStatement } from 'kysely';
import { Migrator } from 'kysely/migration';

import { SetupError } from '../core/errors.ts';
import { reasonOf } from '../core/system-error.ts';
import type { DatabaseInspection } from './database-inspection.ts';
import { takeLock } from './files/lock.ts';
import type { DatabaseLock, Lock } from './files/lock.ts';
import { cannotBeOpened, isDatabaseThere, makeDatabasePrivate } from './files/private-files.ts';
import type { Warn } from './files/private-files.ts';
import { createSearchMender, mendSearch } from './mend-search.ts';
import * as first from './migrations/0001-first.ts';
import * as jobs from './migrations/0002-jobs.ts';
import * as reports from './migrations/0003-reports.ts';
import * as figures from './migrations/0004-figures.ts';
import * as secrets from './migrations/0006-secrets.ts';
import * as asides from './migrations/0007-set-aside.ts';
import * as reporters from './migrations/0010-reporters.ts';
import * as names from './migrations/0011-names.ts';
import * as dailySums from './migrations/0012-daily-sums.ts';
import * as operations from './migrations/0013-operations.ts';
import * as before from './migrations/0014-before.ts';
import * as signUpWaves from './migrations/0015-sign-up-waves.ts';
import * as commitments from './migrations/0016-commitments.ts';
import * as search from './migrations/0017-search.ts';
import * as notes from './migrations/0018-notes.ts';
import * as closedReports from './migrations/0019-closed-reports.ts';
import * as rulesAgain from './migrations/0020-rules-again.ts';
import * as homeservers from './migrations/0021-homeservers.ts';
import * as widerIndexes from './migrations/0022-wider-indexes.ts';
import { isPostgres } from './postgres/errors.ts';
import type { LeaseOptions } from './postgres/lease/take-lease.ts';
import type { Tables } from './schema.ts';

const migrations = {
  '0001-first': first,
  '0002-jobs': jobs,
  '0003-reports': reports,
  '0004-figures': figures,
  '0006-secrets': secrets,
  '0007-set-aside': asides,
  '0010-reporters': reporters,
  '0011-names': names,
  '0012-daily-sums': dailySums,
  '0013-operations': operations,
  '0014-before': before,
  '0015-sign-up-waves': signUpWaves,
  '0016-commitments': commitments,
  '0017-search': search,
  '0018-notes': notes,
  '0019-closed-reports': closedReports,
  '0020-rules-again': rulesAgain,
  '0021-homeservers': homeservers,
  '0022-wider-indexes': widerIndexes,
};

export interface OpenOptions {
  readonly readonly?: boolean;
  /** Keep other bots from opening it until it is closed; or the lock that does so already. */
  readonly lock?: boolean | DatabaseLock;
  /** What to do if a bot uses the file; the usual advice is for another bot. */
  readonly ifLocked?: string;
  /** Called if other users can read the files and that can't be changed. */
  readonly warn?: Warn;
  /**
   * Called when a transaction was cut off, because PostgreSQL has restarted, or when this process has lost its lease.
   * Nothing of the transaction was committed, and what the program keeps in memory about it may be wrong.
   */
  readonly onInterrupted?: () => void;
  /** Called before and after the tables of an older version are changed, which can take minutes. */
  readonly inform?: (message: string) => void;
}

const inMemory = ':memory:';

/**
 * Opens a database. Creates a file if it is missing, and makes it private; migrates the tables.
 *
 * @param place a file of SQLite, or a URL of PostgreSQL
 * @throws SetupError it can't be opened, is not a database, or is newer than this program
 */
export async function openDatabase(
  place: string,
  options: OpenOptions = {},
): Promise<Kysely<Tables>> {
  if (isPostgres(place)) {
    const { openPostgres } = await import('./postgres/open.ts');
    return openPostgres(place, options);
  }
  return openFile(place, options);
}

async function openFile(file: string, options: OpenOptions): Promise<Kysely<Tables>> {
  if (options.lock !== true) {
    makePrivate(file, options);
    return open(file, options);
  }
  const lock = lockFile(file, options);
  try {
    const db = await open(file, options);
    const destroy = db.destroy.bind(db);
    return Object.assign(db, {
      destroy: async () => destroy().finally(lock.release),
    });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Keeps other bots from opening the database, before it is opened. Makes a file private, and creates it if it is
 * missing.
 *
 * @param options.patienceMs how long to wait for PostgreSQL if it is away
 * @throws SetupError another bot uses it, or it can't be created or reached
 */
export async function lockDatabase(
  place: string,
  { warn, ...options }: Pick<OpenOptions, 'warn'> & LeaseOptions = {},
): Promise<DatabaseLock> {
  if (isPostgres(place)) {
    const { takeLease } = await import('./postgres/lease/take-lease.ts');
    const { assertMayLead } = await import('./postgres/open.ts');
    return takeLease(place, {
      ...options,
      assertMayLead: async (client) => assertMayLead(client, place),
    });
  }
  const lock = lockFile(place, { warn });
  return { release: async () => lock.release() };
}

function lockFile(
  file: string,
  options: { readonly warn?: Warn | undefined; readonly ifLocked?: string | undefined },
): Lock {
  makePrivate(file, options);
  return takeLock(`${file}-lock`, `the database ${file}`, 'database.path', options.ifLocked);
}

function makePrivate(
  file: string,
  {
    readonly,
    warn = () => undefined,
  }: { readonly readonly?: boolean; readonly warn?: Warn | undefined },
): void {
  if (readonly !== true && file !== inMemory) {
    makeDatabasePrivate(file, warn);
  }
}

async function open(file: string, options: OpenOptions): Promise<Kysely<Tables>> {
  let sqlite: Database.Database | undefined;
  try {
    sqlite = new Database(file, {
      readonly: options.readonly === true,
      fileMustExist: options.readonly === true,
    });
    sqlite.pragma('busy_timeout = 2000');
    sqlite.pragma('foreign_keys = ON');
    // Without it, INSERT OR REPLACE could delete from the audit log, past its trigger.
    sqlite.pragma('recursive_triggers = ON');
    if (options.readonly !== true) {
      sqlite.pragma('journal_mode = WAL');
      // What is deleted is often personal data.
      sqlite.pragma('secure_delete = ON');
      // An intent must be on the disk before its call is sent.
      sqlite.pragma('synchronous = FULL');
    }
    // This is the first statement that reads the file.
    sqlite.pragma('schema_version');
    if (options.readonly !== true) {
      // SQLite also opens files that it can't write to, and only fails at the first change.
      sqlite.exec('BEGIN IMMEDIATE; ROLLBACK');
    }
  } catch (error) {
    sqlite?.close();
    throw cannotBeOpened(file, error);
  }
  const connection = sqlite;
  const { readonly: isReadonly = false, inform = () => undefined } = options;
  const db = new Kysely<Tables>({
    dialect: new SqliteDialect({
      database: withStatementCache(
        connection,
        isReadonly ? (statement) => statement : createSearchMender(connection, inform),
      ),
    }),
  });
  const isCurrent = isMigrated(sqlite);
  if (!isCurrent) {
    if (isNewer(sqlite)) {
      await db.destroy();
      throw newerError(file);
    }
    await (options.readonly === true
      ? assertRecent(db, file)
      : migrate(sqlite, db, file, options.inform));
  }
  if (options.readonly !== true) {
    try {
      mendSearch(sqlite, inform);
    } catch (error) {
      await db.destroy();
      throw cannotBeOpened(file, error);
    }
  }
  return db;
}

/** How many prepared statements are cached. There are fewer, except for lists of different lengths. */
const maxPrepared = 500;

/** Caches prepared statements: Kysely prepares every statement again. */
function withStatementCache(
  sqlite: Database.Database,
  wrap: (statement: SqliteStatement) => SqliteStatement,
): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>();
  return {
    prepare(sql) {
      // Many pragmas take effect when they are prepared, not when they are executed.
      if (sql.startsWith('PRAGMA')) {
        return sqlite.prepare(sql);
      }
      const before = prepared.get(sql);
      if (before !== undefined) {
        return before;
      }
      if (prepared.size === maxPrepared) {
        prepared.clear();
      }
      const statement = wrap(sqlite.prepare(sql));
      prepared.set(sql, statement);
      return statement;
    },
    close: () => sqlite.close(),
  };
}

const migratorOn = (db: Kysely<Tables>) =>
  new Migrator({ db, provider: { getMigrations: async () => migrations } });

/** A read-only connection can't migrate the tables. */
async function assertRecent(db: Kysely<Tables>, file: string): Promise<void> {
  const known = await migratorOn(db).getMigrations();
  if (known.some(({ executedAt }) => executedAt === undefined)) {
    await db.destroy();
    throw new SetupError(
      `The database ${file} is from an older Lawspeaker.`,
      'Start the bot of this version once: it updates the database.',
    );
  }
}

/**
 * Looks at a database and changes nothing, also while a bot uses it.
 *
 * @throws SetupError a bot could not use it
 */
export function inspectDatabase(file: string): DatabaseInspection {
  if (!isDatabaseThere(file)) {
    return { state: 'missing', syncState: new Map() };
  }
  let sqlite: Database.Database | undefined;
  try {
    sqlite = new Database(file, { readonly: true, fileMustExist: true });
    sqlite.pragma('busy_timeout = 2000');
    sqlite.pragma('schema_version');
    if (isNewer(sqlite)) {
      throw newerError(file);
    }
    const made = migrationsIn(sqlite);
    const rows =
      made.length === 0
        ? []
        : (sqlite.prepare('SELECT name, value FROM sync_state').raw().all() as [string, string][]);
    return { state: isMigrated(sqlite) ? 'current' : 'older', syncState: new Map(rows) };
  } catch (error) {
    throw error instanceof SetupError ? error : cannotBeOpened(file, error);
  } finally {
    sqlite?.close();
  }
}

function newerError(file: string): SetupError {
  return new SetupError(
    `The database ${file} is from a newer Lawspeaker.`,
    'Install that version again, or restore the backup that you made before the upgrade.',
  );
}

/** Whether a newer program has changed the tables. */
export function isNewer(sqlite: Database.Database): boolean {
  return migrationsIn(sqlite).some((name) => !Object.hasOwn(migrations, name));
}

/** The migrations that the file has had. */
function migrationsIn(sqlite: Database.Database): readonly string[] {
  const hasAny = sqlite
    .prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'kysely_migration'`)
    .get();
  return hasAny === undefined
    ? []
    : (sqlite.prepare('SELECT name FROM kysely_migration ORDER BY name').pluck().all() as string[]);
}

function isMigrated(sqlite: Database.Database): boolean {
  return isDeepStrictEqual(migrationsIn(sqlite), Object.keys(migrations));
}

/** Makes all missing migrations in one transaction: if the process is killed, none of them was made. */
async function migrate(
  sqlite: Database.Database,
  db: Kysely<Tables>,
  file: string,
  inform: OpenOptions['inform'] = () => undefined,
): Promise<void> {
  const isNew = migrationsIn(sqlite).length === 0;
  if (!isNew) {
    inform(
      `The database ${file} is from an older version and is being updated. If it is large, this takes a few minutes.`,
    );
  }
  const error = await inTransaction(
    sqlite,
    async () => (await migratorOn(db).migrateToLatest()).error,
  );
  if (error !== undefined) {
    await db.destroy();
    throw new SetupError(
      `The database ${file} can't be updated (${reasonOf(error)}).`,
      'It may be damaged. Nothing was changed.',
    );
  }
  if (!isNew) {
    inform(`The database ${file} is updated.`);
  }
}

/** Commits what `work` does, unless it returns an error. */
async function inTransaction(
  sqlite: Database.Database,
  work: () => Promise<unknown>,
): Promise<unknown> {
  try {
    sqlite.exec('BEGIN IMMEDIATE');
    const error = await work();
    sqlite.exec(error === undefined ? 'COMMIT' : 'ROLLBACK');
    return error;
  } catch (error) {
    if (sqlite.inTransaction) {
      sqlite.exec('ROLLBACK');
    }
    return error;
  }
}
