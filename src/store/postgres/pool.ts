import { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { Client, ClientBase, PoolClient, QueryResult } from 'pg';

import { withoutNul } from '../dialect.ts';
import { clientConfig, loadPg, newClient, withoutLimits } from './connect.ts';
import { commitsLost, failedError, isAway, takenOver } from './errors.ts';
import { beginWriting, writeLock } from './locks.ts';

/** One writes, the others read. */
const maxConnections = 4;
/** No statement of the bot takes nearly as long, except the migrations. */
const statementTimeoutMs = 60_000;
/** Later, not even the error that ends a statement can arrive: the connection is lost, and nobody has said so. */
const usualSilenceMs = statementTimeoutMs + 10_000;
/** How long to wait for PostgreSQL if it restarts. */
const patienceMs = 10_000;
const retryAfterMs = 200;
/** How long to wait at the end until PostgreSQL has heard of it. */
const goodbyeMs = 2000;

export interface PoolOptions {
  readonly readonly: boolean;
  /** Part of a query, which gives no row if this process may not write any more. */
  readonly fence?: string | undefined;
  /** How long PostgreSQL may say nothing, before the connection counts as lost. */
  readonly silenceMs?: number;
}

/**
 * Connections of which one at a time writes, as on SQLite: the hash chain can't fork.
 *
 * @returns `cutOff` ends the connections as they are now: what is waited for may never come
 */
export async function openPool(
  url: string,
  options: PoolOptions,
): Promise<PostgresPool & { readonly cutOff: () => void }> {
  const { Pool } = await loadPg();
  const sockets = new Set<Socket>();
  const pool = new Pool({
    ...(await clientConfig(url)),
    max: maxConnections,
    // On a busy machine, compiling a query takes seconds, and running it a tenth of one.
    options: `${withoutLimits} -c jit=off`,
    statement_timeout: statementTimeoutMs,
    stream() {
      const socket = new Socket();
      sockets.add(socket);
      return socket.once('close', () => sockets.delete(socket));
    },
  });
  // A connection that is not in use was lost. The pool makes a new one.
  pool.on('error', () => undefined);
  const connect = async () => connected(async () => pool.connect());
  // Not of the pool: all of its connections may wait for one that replaces them.
  const connectElsewhere = async () =>
    connected(async () => {
      const client = await newClient(url, { timeoutMs: statementTimeoutMs });
      await client.connect();
      return client;
    });
  const clients = new WeakMap<PoolClient, PostgresPoolClient>();
  return {
    options: {},
    async connect() {
      const client = await connect();
      const known = clients.get(client) ?? guarded(client, connectElsewhere, options);
      clients.set(client, known);
      return known;
    },
    async end() {
      const goodbyes = wait(goodbyeMs, undefined, { ref: false });
      await Promise.race([pool.end(), goodbyes]);
      sockets.forEach((socket) => socket.destroy());
    },
    cutOff: () => sockets.forEach((socket) => socket.destroy()),
  };
}

/** Connects, also if PostgreSQL is away for a few seconds. */
async function connected<Made>(connect: () => Promise<Made>): Promise<Made> {
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

/** Some statements may take any time. They follow one that says so. */
const liftsLimit = /^set (?:local )?statement_timeout = 0$/iu;
const restoresLimit = /^(?:reset statement_timeout|commit|rollback)$/iu;

/** A connection whose writes wait for each other, and whose errors say nothing of what was to be written. */
function guarded(
  client: PoolClient,
  connectElsewhere: () => Promise<Client>,
  { readonly, fence = '', silenceMs = usualSilenceMs }: PoolOptions,
) {
  let hasLimit = true;

  /** If no answer comes, ends the connection: otherwise a firewall that forgets it stops the bot for good. */
  async function ask(on: ClientBase, sql: string, parameters: readonly unknown[] = []) {
    const giveUp = () => void (on as Client).end().catch(() => undefined);
    const silence = hasLimit ? setTimeout(giveUp, silenceMs) : undefined;
    try {
      return await on.query(
        sql,
        parameters.map((value) => (typeof value === 'string' ? withoutNul(value) : value)),
      );
    } finally {
      clearTimeout(silence);
    }
  }

  /** The number of the transaction, by which PostgreSQL knows what became of it. */
  let transaction: string | undefined;

  /** Another connection, in place of one that was lost. */
  async function elsewhere<Result>(work: (other: Client) => Promise<Result>): Promise<Result> {
    const other = await connectElsewhere();
    try {
      return await work(other);
    } finally {
      await other.end().catch(() => undefined);
    }
  }

  async function begin(on: ClientBase): Promise<string> {
    if (readonly) {
      await ask(on, 'BEGIN READ ONLY');
      return '';
    }
    // After the lock is taken, nobody can take over before the end of the transaction.
    const results: unknown = await ask(
      on,
      `${beginWriting}; ${writeLock}; SELECT pg_current_xact_id()::text AS id ${fence}`,
    ).catch(async (error: unknown) => {
      await ask(on, 'ROLLBACK').catch(() => undefined);
      throw error;
    });
    const [row] = (results as QueryResult<{ id: string; is_intact?: boolean }>[])[2]?.rows ?? [];
    if (row === undefined || row.is_intact === false) {
      await ask(on, 'ROLLBACK');
      throw row === undefined ? takenOver() : commitsLost();
    }
    return row.id;
  }

  /** Ends a transaction. If the connection is lost meanwhile, PostgreSQL says afterwards whether it was committed. */
  async function commit(on: ClientBase, id: string): Promise<void> {
    try {
      await ask(on, 'COMMIT');
    } catch (error) {
      if (!isAway(error) || id === '') {
        throw error;
      }
      const status = await elsewhere(async (other) => {
        // It may still be in progress: it has the lock until it ends.
        await other.query(`${beginWriting}; ${writeLock}`);
        const { rows } = await other.query<{ status: string | null; is_intact?: boolean }>(
          `SELECT pg_xact_status($1::xid8) AS status ${fence}`,
          [id],
        );
        await other.query('COMMIT');
        // After a crash, the number can be that of another transaction.
        return rows[0]?.is_intact === false ? undefined : rows[0]?.status;
      });
      if (status !== 'committed') {
        throw error;
      }
    }
  }

  /** A statement by itself. It can be tried again. */
  async function alone(on: ClientBase, sql: string, parameters: readonly unknown[]) {
    if (!writes.test(sql)) {
      return ask(on, sql, parameters);
    }
    const id = await begin(on);
    try {
      const result = await ask(on, sql, parameters);
      await commit(on, id);
      return result;
    } catch (error) {
      await ask(on, 'ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  async function query(sql: string, parameters: readonly unknown[]) {
    hasLimit = (hasLimit && !liftsLimit.test(sql)) || restoresLimit.test(sql);
    if (/^begin$/iu.test(sql)) {
      transaction = await begin(client);
      return { command: 'SELECT', rowCount: 0, rows: [] };
    }
    if (transaction === undefined) {
      return alone(client, sql, parameters).catch(async (error: unknown) => {
        if (!isAway(error)) {
          throw error;
        }
        return elsewhere(async (other) => alone(other, sql, parameters));
      });
    }
    if (/^commit$/iu.test(sql)) {
      await commit(client, transaction);
      transaction = undefined;
      return { command: 'COMMIT', rowCount: 0, rows: [] };
    }
    if (/^rollback$/iu.test(sql)) {
      transaction = undefined;
    }
    return ask(client, sql, parameters);
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
