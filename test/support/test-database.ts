import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import type { Client, ClientConfig } from 'pg';
import { inject } from 'vitest';

import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';

/** A database, on what the run is made on: SQLite, or PostgreSQL. */
export interface TestDatabase extends AsyncDisposable {
  /** What `openStore` takes. */
  readonly place: string;
  /** The same for a configuration. */
  readonly config: { readonly path: string } | { readonly url: string };
  /** Another hand on the database. */
  execute(...statements: string[]): Promise<void>;
  read<Row>(query: string): Promise<Row[]>;
  /** All that is stored: the file and its journal, or the rows of all tables. */
  dump(): Promise<string>;
  /** The same as somebody whom no trigger stops. */
  tamper(...statements: string[]): Promise<void>;
  /** Removes all that is stored. */
  clear(): Promise<void>;
  /** Lets nobody else write until the function is called that it returns. */
  block(): Promise<() => Promise<void>>;
}

export const onPostgres = process.env['LAWSPEAKER_TEST_DATABASE'] === 'postgres';

/** Makes a new database with nothing in it. */
export async function createTestDatabase(): Promise<TestDatabase> {
  if (onPostgres) {
    return newPostgresDatabase();
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-database-'));
  return {
    ...sqliteDatabase(path.join(folder, 'lawspeaker.db')),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Opens a store on a database of its own, which ends with it. On SQLite, it is in memory. */
export async function openTestStore(): Promise<Store> {
  if (!onPostgres) {
    return openStore(':memory:');
  }
  const database = await createTestDatabase();
  const store = await openStore(database.place);
  const close = async () => {
    await store.close();
    await database[Symbol.asyncDispose]();
  };
  return { ...store, close };
}

/** A file of SQLite. */
export function sqliteDatabase(place: string): TestDatabase {
  const files = [place, `${place}-wal`];
  const use = <Result>(
    work: (db: Database.Database) => Result,
    options: Database.Options = {},
  ): Result => {
    const db = new Database(place, options);
    try {
      return work(db);
    } finally {
      db.close();
    }
  };
  return {
    place,
    config: { path: place },
    execute: async (...statements) => use((db) => statements.forEach((text) => db.exec(text))),
    // Who may write and closes a database that nobody else has open moves its journal into it.
    read: async <Row>(query: string) =>
      use((db) => db.prepare(query).all() as Row[], { readonly: true }),
    dump: async () =>
      files
        .filter((file) => existsSync(file))
        .map((file) => readFileSync(file, 'latin1'))
        .join(''),
    tamper: async (...statements) =>
      use((db) => {
        db.exec(
          `DROP TRIGGER IF EXISTS audit_log_no_update; DROP TRIGGER IF EXISTS audit_log_no_rewrite;
           DROP TRIGGER IF EXISTS audit_log_no_delete`,
        );
        db.pragma('foreign_keys = OFF');
        statements.forEach((text) => db.exec(text));
      }),
    async block() {
      const db = new Database(place);
      db.exec('BEGIN IMMEDIATE');
      return async () => void db.close();
    },
    async clear() {
      for (const file of [...files, `${place}-shm`]) {
        rmSync(file, { force: true });
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** To make a database takes half a second: one that no test has damaged is emptied and used again. */
const empty: { readonly place: string; readonly client: Client }[] = [];
let made = 0;

async function newPostgresDatabase(): Promise<TestDatabase> {
  const { place, client } = empty.pop() ?? (await newDatabase());
  let isDamaged = false;
  let isDisposed = false;
  const database = postgresDatabase(place, async (work) => work(client), {
    onChange(statement) {
      isDamaged ||= /\b(?:ALTER|CREATE|DROP|kysely\w+)\b/iu.test(statement);
    },
  });
  return {
    ...database,
    async [Symbol.asyncDispose]() {
      if (isDisposed) {
        return;
      }
      isDisposed = true;
      if (isDamaged) {
        await client.end();
        return;
      }
      await database.clear();
      empty.push({ place, client });
    },
  };
}

/** A database on a PostgreSQL that may restart: each look at it is a new connection. */
export function databaseAt(url: string): TestDatabase {
  return postgresDatabase(url, async (work) => {
    const client = await connectTo(url);
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  });
}

function postgresDatabase(
  place: string,
  use: <Result>(work: (client: Client) => Promise<Result>) => Promise<Result>,
  { onChange = () => undefined }: { readonly onChange?: (statement: string) => void } = {},
): TestDatabase {
  const execute = async (...statements: string[]) =>
    use(async (client) => {
      for (const text of statements) {
        onChange(text);
        await client.query(text);
      }
    });
  const read = async <Row>(query: string) =>
    use(async (client) => (await client.query(query)).rows as Row[]);
  return {
    place,
    config: { url: place },
    execute,
    read,
    async dump() {
      const rows = await read<{ text: string }>(
        `SELECT query_to_xml(format('SELECT * FROM %I', relname), true, false, '')::text AS text
         FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
         ORDER BY relname`,
      );
      return rows.map(({ text }) => text).join('\n');
    },
    async tamper(...statements) {
      const triggers = ['no_update', 'no_rewrite', 'no_delete'];
      await execute(
        ...triggers.map((name) => `ALTER TABLE audit_log DISABLE TRIGGER audit_log_${name}`),
        'ALTER TABLE audit_log DROP CONSTRAINT IF EXISTS audit_log_intent_id_fkey CASCADE',
        'ALTER TABLE audit_search DROP CONSTRAINT IF EXISTS audit_search_id_fkey CASCADE',
        'ALTER TABLE open_intents DROP CONSTRAINT IF EXISTS open_intents_id_fkey CASCADE',
        'ALTER TABLE operation_targets DROP CONSTRAINT IF EXISTS operation_targets_intent_id_fkey CASCADE',
        ...statements,
      );
    },
    async block() {
      const name = new URL(place).pathname.slice(1);
      const setReadOnly = async (isReadOnly: boolean) =>
        execute(
          `ALTER DATABASE ${name} SET default_transaction_read_only = ${isReadOnly}`,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND pid != pg_backend_pid()`,
        );
      await setReadOnly(true);
      return async () => setReadOnly(false);
    },
    async clear() {
      await use(async (client) => client.query(emptyAll));
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

const emptyAll = `
  SET session_replication_role = replica;
  DO $$
  DECLARE
    found record;
  BEGIN
    FOR found IN SELECT relname, relkind FROM pg_class
      WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'S')
        AND relname NOT LIKE 'kysely%' AND relname != 'audit_log_numbers'
    LOOP
      IF found.relkind = 'r' THEN
        EXECUTE format('DELETE FROM %I', found.relname);
      ELSE
        EXECUTE format('ALTER SEQUENCE %I RESTART', found.relname);
      END IF;
    END LOOP;
    UPDATE audit_log_numbers SET last_id = 0;
  END $$;
  SET session_replication_role = origin`;

async function newDatabase(): Promise<{ place: string; client: Client }> {
  const template = inject('postgres');
  if (template === undefined) {
    throw new Error('this run has no PostgreSQL');
  }
  made += 1;
  const name = `test_${process.pid}_${process.env['VITEST_POOL_ID'] ?? ''}_${made}`;
  const server = await connectTo(at(template, 'postgres'));
  await server.query(`CREATE DATABASE ${name} TEMPLATE lawspeaker_template STRATEGY file_copy`);
  await server.end();
  const place = at(template, name);
  return { place, client: await connectTo(place) };
}

async function connectTo(url: string): Promise<Client> {
  const { Client: PgClient, types } = (await import('pg')).default;
  const client = new PgClient({ connectionString: url, types: wholeNumbers(types) });
  // If it is lost, the statement says so.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

function at(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

/** Numbers of 64 bits as numbers, as SQLite gives them. */
const wholeNumbers = (types: NonNullable<ClientConfig['types']>) => ({
  getTypeParser: (type: number) => (type === 20 ? Number : types.getTypeParser(type)),
});
