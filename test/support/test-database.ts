import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import type { Client } from 'pg';
import { inject } from 'vitest';

/** A new database with nothing in it, on what the run is made on: SQLite, or PostgreSQL. */
export interface TestDatabase extends AsyncDisposable {
  /** What `openStore` takes. */
  readonly place: string;
  /** Another hand on the database. */
  execute(...statements: string[]): Promise<void>;
  read<Row>(query: string): Promise<Row[]>;
  /** All that is stored: the file, or the rows of all tables. */
  dump(): Promise<string>;
  /** The same as somebody whom no trigger stops. */
  tamper(...statements: string[]): Promise<void>;
}

export const onPostgres = process.env['LAWSPEAKER_TEST_DATABASE'] === 'postgres';

export async function createTestDatabase(): Promise<TestDatabase> {
  return onPostgres ? postgresDatabase() : sqliteDatabase();
}

function sqliteDatabase(): TestDatabase {
  const folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-database-'));
  const place = path.join(folder, 'lawspeaker.db');
  const use = <Result>(work: (db: Database.Database) => Result): Result => {
    const db = new Database(place);
    try {
      return work(db);
    } finally {
      db.close();
    }
  };
  return {
    place,
    execute: async (...statements) => use((db) => statements.forEach((text) => db.exec(text))),
    read: async <Row>(query: string) => use((db) => db.prepare(query).all() as Row[]),
    dump: async () => readFileSync(place, 'latin1'),
    tamper: async (...statements) =>
      use((db) => {
        db.exec(
          `DROP TRIGGER IF EXISTS audit_log_no_update; DROP TRIGGER IF EXISTS audit_log_no_rewrite;
           DROP TRIGGER IF EXISTS audit_log_no_delete`,
        );
        db.pragma('foreign_keys = OFF');
        statements.forEach((text) => db.exec(text));
      }),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** To make a database takes half a second: one that no test has damaged is emptied and used again. */
const empty: { readonly place: string; readonly client: Client }[] = [];
let made = 0;

async function postgresDatabase(): Promise<TestDatabase> {
  const { place, client } = empty.pop() ?? (await newDatabase());
  let isDamaged = false;
  const execute = async (...statements: string[]) => {
    isDamaged ||= statements.some((text) => /\b(?:ALTER|CREATE|DROP|kysely\w+)\b/iu.test(text));
    for (const text of statements) {
      await client.query(text);
    }
  };
  return {
    place,
    execute,
    read: async <Row>(query: string) => (await client.query(query)).rows as Row[],
    async dump() {
      const { rows } = await client.query<{ text: string }>(
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
        ...statements,
      );
    },
    async [Symbol.asyncDispose]() {
      if (isDamaged) {
        await client.end();
        return;
      }
      await client.query(emptyAll);
      empty.push({ place, client });
    },
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
  const { Client: PgClient } = (await import('pg')).default;
  const server = new PgClient(at(template, 'postgres'));
  await server.connect();
  await server.query(`CREATE DATABASE ${name} TEMPLATE lawspeaker_template STRATEGY file_copy`);
  await server.end();
  const place = at(template, name);
  const client = new PgClient({ connectionString: place, types: wholeNumbers(await pgTypes()) });
  await client.connect();
  return { place, client };
}

function at(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

async function pgTypes() {
  return (await import('pg')).default.types;
}

/** Numbers of 64 bits as numbers, as SQLite gives them. */
const wholeNumbers = (types: Awaited<ReturnType<typeof pgTypes>>) => ({
  getTypeParser: (type: number) => (type === 20 ? Number : types.getTypeParser(type)),
});
