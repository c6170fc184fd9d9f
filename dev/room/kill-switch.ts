/**
 * Preloaded into a bot (`node --import …/kill-switch.ts src/main.ts start …`), this makes the process
 * kill itself with SIGKILL at a chosen point. Points are the boundaries at which something outside the
 * process changes. Their names say what changes, and how often it has since the switch was armed:
 *
 * - `before commit audit_log+operations+outbox 1`, `after …`: a transaction that wrote these tables, or
 *   one statement outside a transaction;
 * - `before PUT send 3`: a request was created, and nothing of it has been sent yet;
 * - `after PUT send 3`: its answer has arrived, and nobody has read it.
 *
 * The environment variable LAWSPEAKER_KILL_SWITCH holds a `KillPlan` as JSON. A plan that comes as a
 * message from the parent process replaces it and restarts the count; the answer is `armed`.
 */
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync, writeFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import { flushCompileCache } from 'node:module';
import type { Socket } from 'node:net';

import Database from 'better-sqlite3';

import { readWal } from './power.ts';
import { watchPostgres } from './watch-postgres.ts';

/** When the switch kills the process. */
export interface KillPlan {
  /** The point to die at: its name, or its number among all points, from 1. Default: never. */
  readonly at?: string | number | undefined;
  /** Start counting after this point instead of at the beginning. */
  readonly since?: string | undefined;
  /** A file to which the name of every point is appended, including the last one, one per line. */
  readonly record?: string | undefined;
  /** A file that tells `cutPower` what had reached the disk when the process died. */
  readonly onDisk?: string | undefined;
}

let plan = JSON.parse(process.env['LAWSPEAKER_KILL_SWITCH'] ?? '{}') as KillPlan;
let isBehind = plan.since === undefined;
let passed = 0;
const passedByKind = new Map<string, number>();

process.on('message', (message) => {
  plan = message as KillPlan;
  isBehind = plan.since === undefined;
  startCounting();
  // A killed process writes no cache, and the next one would start slowly.
  flushCompileCache();
  process.send?.('armed');
});
// The channel must not keep the bot running.
process.channel?.unref();

function startCounting(): void {
  passed = 0;
  passedByKind.clear();
}

function pass(side: 'before' | 'after', what: string): void {
  const kind = `${side} ${what}`;
  const count = (passedByKind.get(kind) ?? 0) + 1;
  passedByKind.set(kind, count);
  passed += 1;
  const name = `${kind} ${count}`;
  if (plan.record !== undefined) {
    appendFileSync(plan.record, `${name}\n`);
  }
  if (!isBehind) {
    if (plan.since === name) {
      isBehind = true;
      startCounting();
    }
  } else if (plan.at === name || plan.at === passed) {
    process.kill(process.pid, 'SIGKILL');
  }
}

/** Which part of the homeserver a request is for. */
function classOf(path: string): string {
  if (path.startsWith('/_synapse/admin/')) {
    return 'admin';
  }
  const [, verb = 'client'] = /\/v3\/(?:rooms\/[^/]+\/)?(sync|send|redact)\b/u.exec(path) ?? [];
  return verb;
}

const nameOf = (request: ClientRequest) => `${request.method} ${classOf(request.path)}`;

subscribe('http.client.request.created', (message) => {
  pass('before', nameOf((message as { request: ClientRequest }).request));
});
subscribe('http.client.response.finish', (message) => {
  pass('after', nameOf((message as { request: ClientRequest }).request));
});

/** The tables that a statement writes: one at most. */
const writing = /^\s*(?:insert\s+into|update|delete\s+from)\s+"?(\w+)/iu;

const tableIn = (sql: string) => writing.exec(sql)?.[1];

function pointOf(tables: Iterable<string>): string {
  return `commit ${[...tables].toSorted().join('+')}`;
}

/** Tables that the current transaction of each connection to PostgreSQL has written. */
const writtenOn = new WeakMap<Socket, Set<string>>();

// Whoever writes there begins a transaction, also for one statement.
watchPostgres({
  onStatement(socket, sql) {
    if (/^begin\b/iu.test(sql)) {
      writtenOn.set(socket, new Set());
      return;
    }
    const tables = writtenOn.get(socket) ?? new Set();
    const table = tableIn(sql);
    if (table !== undefined) {
      tables.add(table);
    } else if (/^commit\b/iu.test(sql) && tables.size > 0) {
      const what = pointOf(tables);
      pass('before', what);
      // The client sends nothing more before it has read that.
      socket.prependOnceListener('data', () => pass('after', what));
    }
  },
});

/** Tables that the current transaction on SQLite has written. */
const written = new Set<string>();

type Run = (...parameters: unknown[]) => unknown;

const { prepare } = Database.prototype as { prepare: (sql: string) => Database.Statement };
Database.prototype.prepare = function prepareWatched(this: Database.Database, sql: string) {
  const statement = prepare.call(this, sql);
  const watched = watchedBy(this, sql);
  if (watched !== undefined) {
    // Kysely runs a statement by one of these two.
    for (const name of ['run', 'all'] as const) {
      const original = statement[name].bind(statement) as Run;
      Object.defineProperty(statement, name, {
        value: (...parameters: unknown[]) => watched(() => original(...parameters)),
      });
    }
  }
  return statement;
} as typeof Database.prototype.prepare;

/** Wraps the execution of this statement; undefined if it writes nothing. */
function watchedBy(
  database: Database.Database,
  sql: string,
): ((run: () => unknown) => unknown) | undefined {
  if (/^begin\b/iu.test(sql)) {
    return (run) => {
      written.clear();
      return run();
    };
  }
  if (/^commit\b/iu.test(sql)) {
    return (run) => around(database, [...written], run);
  }
  const table = tableIn(sql);
  if (table === undefined) {
    return undefined;
  }
  return (run) => {
    if (!database.inTransaction) {
      return around(database, [table], run);
    }
    written.add(table);
    return run();
  };
}

function around(
  database: Database.Database,
  tables: readonly string[],
  run: () => unknown,
): unknown {
  // A transaction that wrote nothing changes nothing.
  if (tables.length === 0) {
    return run();
  }
  const what = pointOf(tables);
  pass('before', what);
  const result = run();
  // The level 2 is FULL: the write-ahead log was synced before the commit returned.
  if (plan.onDisk !== undefined && database.pragma('synchronous', { simple: true }) === 2) {
    writeFileSync(plan.onDisk, JSON.stringify(readWal(database.name)));
  }
  pass('after', what);
  return result;
}
