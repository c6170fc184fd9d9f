import { setTimeout as wait } from 'node:timers/promises';

import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { PoolClient } from 'pg';

import { withoutNul } from '../dialect.ts';
import { clientConfig, loadPg } from './connect.ts';
import { failedError, isAway } from './errors.ts';
import { writeLock } from './locks.ts';

/** One writes, the others read. */
const maxConnections = 4;
/** No statement of the bot takes nearly as long, except the migrations. */
const statementTimeoutMs = 60_000;
/** How long to wait for PostgreSQL if it restarts. */
const patienceMs = 10_000;
const retryAfterMs = 200;

export interface PoolOptions {
  readonly readonly: boolean;
  /** Throws if the bot must not write. */
  readonly assertMayWrite: () => Promise<void>;
}

/** Connections of which one at a time writes, as on SQLite: the hash chain can't fork. */
export async function openPool(url: string, options: PoolOptions): Promise<PostgresPool> {
  const { Pool } = await loadPg();
  const pool = new Pool({
    ...(await clientConfig(url)),
    max: maxConnections,
    statement_timeout: statementTimeoutMs,
    // A process that was stopped in a transaction must not hold up the others.
    idle_in_transaction_session_timeout: statementTimeoutMs,
  });
  // A connection that is not in use was lost. The pool makes a new one.
  pool.on('error', () => undefined);
  const clients = new WeakMap<PoolClient, PostgresPoolClient>();
  return {
    options: {},
    async connect() {
      const client = await connected(async () => pool.connect());
      const known = clients.get(client) ?? guarded(client, options);
      clients.set(client, known);
      return known;
    },
    end: async () => pool.end(),
  };
}

/** Connects, also if PostgreSQL is away for a few seconds. */
async function connected(connect: () => Promise<PoolClient>): Promise<PoolClient> {
  for (const deadline = Date.now() + patienceMs; ; await wait(retryAfterMs)) {
    try {
      return await connect();
    } catch (error) {
      if (!isAway(error) || Date.now() > deadline) {
        throw failedError(error);
      }
    }
  }
}

const writes = /^\s*(?:insert|update|delete)\b/iu;

/** A connection whose writes wait for each other, and whose errors say nothing of what was to be written. */
function guarded(client: PoolClient, { readonly, assertMayWrite }: PoolOptions) {
  let isInTransaction = false;
  const run = async (sql: string, parameters: readonly unknown[] = []) =>
    client.query(
      sql,
      parameters.map((value) => (typeof value === 'string' ? withoutNul(value) : value)),
    );

  async function begin(): Promise<void> {
    if (readonly) {
      await client.query('BEGIN READ ONLY');
    } else {
      await assertMayWrite();
      await client.query(`BEGIN; ${writeLock}`);
    }
    isInTransaction = true;
  }

  async function end(sql: string) {
    isInTransaction = false;
    return client.query(sql);
  }

  async function inOwnTransaction(sql: string, parameters: readonly unknown[]) {
    await begin();
    try {
      const result = await run(sql, parameters);
      await end('COMMIT');
      return result;
    } catch (error) {
      await end('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  async function query(sql: string, parameters: readonly unknown[]) {
    if (/^begin$/iu.test(sql)) {
      await begin();
      return { command: 'SELECT', rowCount: 0, rows: [] };
    }
    if (/^(?:commit|rollback)$/iu.test(sql)) {
      return end(sql);
    }
    return isInTransaction || !writes.test(sql)
      ? run(sql, parameters)
      : inOwnTransaction(sql, parameters);
  }

  // A connection that is lost while it is in use says so in the statement, too.
  client.on('error', () => undefined);
  return {
    query: async (sql: string, parameters: readonly unknown[]) => {
      try {
        return (await query(sql, parameters)) as PostgresQueryResult<never>;
      } catch (error) {
        throw failedError(error);
      }
    },
    release: (destroy?: boolean) => client.release(destroy),
  } as unknown as PostgresPoolClient;
}
