import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

import type { Client } from 'pg';

import { version } from '../../../core/version.ts';
import type { BotProcess } from '../../files/lock.ts';

/*
 * The processes that use the database. Each notes every second that it is there.
 */

/** A process that was not seen for this long is gone. */
const goneAfter = `interval '1 minute'`;

/** Another process, as the database knows it. What it has not noted is null. */
export interface OtherProcess {
  /** Its ID: the scope of its number, and what tells one run from the next. */
  readonly holder: string;
  readonly pid: number | null;
  /** Milliseconds since 1970. */
  readonly started_at: number | null;
}

/** A new ID for this process, by which it takes and holds a lease. */
export function newProcessId(): string {
  return `${processScope() ?? ''}/${randomUUID()}`;
}

/** Notes that this process is there. */
export async function noteProcess(client: Client, id: string): Promise<void> {
  await client.query(
    `INSERT INTO lawspeaker_processes VALUES ($1, $2, $3, $4, $5, clock_timestamp())
     ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
    [id, hostname(), process.pid, version, Math.round(performance.timeOrigin)],
  );
}

export async function forgetProcess(client: Client, id: string): Promise<void> {
  await client.query('DELETE FROM lawspeaker_processes WHERE id = $1', [id]);
}

export async function forgetGoneProcesses(client: Client): Promise<void> {
  await client.query(
    `DELETE FROM lawspeaker_processes WHERE seen_at < clock_timestamp() - ${goneAfter}`,
  );
}

/**
 * The processes that are there: the one that leads, then the others, the oldest first.
 *
 * @param leader the ID of the one that leads
 * @param seenWithinMs how long ago a process was last seen at most
 */
export async function processesNow(
  client: Client,
  leader: string,
  seenWithinMs: number,
): Promise<readonly BotProcess[]> {
  const { rows } = await client.query<{ readonly holder: string; readonly found: BotProcess }>(
    `SELECT id AS holder, json_build_object('host', host, 'pid', pid, 'version', version,
       'startedAt', started_at, 'leads', id = $1) AS found
     FROM lawspeaker_processes WHERE seen_at > clock_timestamp() - $2::bigint * interval '1 millisecond'
     ORDER BY id = $1 DESC, started_at, id`,
    [leader, seenWithinMs],
  );
  // One that was killed a moment ago does not stand by.
  return rows
    .filter(({ found, holder }) => !isDead({ holder, pid: found.pid, started_at: found.startedAt }))
    .map(({ found }) => found);
}

/** Whether its process has ended on this host. */
export function isDead({ holder, pid, started_at: startedAt }: OtherProcess): boolean {
  const scope = processScope();
  if (pid === null || scope === undefined || holder.split('/')[0] !== scope) {
    return false;
  }
  if (pid === process.pid) {
    return startedAt !== Math.round(performance.timeOrigin);
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

/**
 * Where numbers of processes mean the same: since one start of a machine, in one container. Undefined if that is not
 * known. Host names don't tell: several containers and copies of a machine can have the same.
 */
function processScope(): string | undefined {
  try {
    const started = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${started} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}
