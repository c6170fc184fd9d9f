import type { Client } from 'pg';

import type { StoreError } from '../../../core/errors.ts';
import { commitsLost, takenOver } from '../errors.ts';
import { beginWriting, writeLock } from '../locks.ts';
import type { OtherProcess } from './processes.ts';

/*
 * The row that says which process leads, and the table that tells whether its commits are still there.
 */

/** A process that leads, or has led. */
export interface Holder extends OtherProcess {
  /** When its lease ends, as PostgreSQL writes it. */
  readonly ends: string;
  readonly is_over: boolean;
  readonly host: string | null;
}

/** The lease of one process. After a failover, an epoch can occur a second time, so both count. */
interface HeldLease {
  /** Of the process that holds it. */
  readonly id: string;
  readonly epoch: number;
}

/**
 * Its transaction waits for one that still writes. $3 is a holder that is gone, although its lease is not over; $4 is
 * the end of that lease.
 */
const take = `
  INSERT INTO lawspeaker_lease AS lease (epoch, holder, ends_at)
  VALUES (1, $1, clock_timestamp() + $2::bigint * interval '1 millisecond')
  ON CONFLICT (only_row) DO UPDATE
  SET epoch = lease.epoch + 1, holder = excluded.holder, ends_at = excluded.ends_at
  WHERE lease.ends_at <= clock_timestamp() OR (lease.holder = $3 AND lease.ends_at::text = $4)
  RETURNING epoch`;

/**
 * PostgreSQL empties an unlogged table after a crash, and a replica that takes its place never had its rows. In both
 * cases the newest commits may be gone, and what the leader keeps in memory about them is wrong: its lease ends then.
 */
const noteIntact = `
  WITH others AS (DELETE FROM lawspeaker_intact WHERE holder <> $1)
  INSERT INTO lawspeaker_intact VALUES ($1) ON CONFLICT DO NOTHING`;

const renew = `
  UPDATE lawspeaker_lease SET ends_at = clock_timestamp() + $3::bigint * interval '1 millisecond'
  WHERE epoch = $1 AND holder = $2
  RETURNING EXISTS (SELECT FROM lawspeaker_intact WHERE holder = $2) AS is_intact`;

/** @returns undefined if no process has ever led */
export async function holderNow(client: Client): Promise<Holder | undefined> {
  const { rows } = await client.query<Holder>(
    `SELECT holder, ends_at <= clock_timestamp() AS is_over, ends_at::text AS ends, host, pid, started_at
     FROM lawspeaker_lease LEFT JOIN lawspeaker_processes ON id = holder`,
  );
  return rows[0];
}

/**
 * Takes the lease if nobody has it.
 *
 * @param gone a leader that is gone, although its lease is not over
 * @returns its epoch; undefined if another process was faster
 */
export async function takeOver(
  client: Client,
  id: string,
  gone: Holder | undefined,
  validForMs: number,
): Promise<number | undefined> {
  await client.query(`${beginWriting}; ${writeLock}`);
  try {
    const { rows } = await client.query<{ epoch: number }>(take, [
      id,
      validForMs,
      gone?.holder ?? null,
      gone?.ends ?? null,
    ]);
    if (rows.length > 0) {
      await client.query(noteIntact, [id]);
    }
    await client.query('COMMIT');
    return rows[0]?.epoch;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/**
 * Moves the end of a lease on.
 *
 * @returns why it is lost; undefined if it is not
 */
export async function renewLease(
  client: Client,
  { id, epoch }: HeldLease,
  validForMs: number,
): Promise<StoreError | undefined> {
  const { rows } = await client.query<{ is_intact: boolean }>(renew, [epoch, id, validForMs]);
  const [renewed] = rows;
  if (renewed === undefined) {
    return takenOver();
  }
  return renewed.is_intact ? undefined : commitsLost();
}

/** Lets another process lead at once. */
export async function endLease(client: Client, { id, epoch }: HeldLease): Promise<void> {
  await client.query(
    'UPDATE lawspeaker_lease SET ends_at = clock_timestamp() WHERE epoch = $1 AND holder = $2',
    [epoch, id],
  );
}

/** The fence of a `Lease`: part of a query. */
export function fenceOf({ id, epoch }: HeldLease): string {
  return `, EXISTS (SELECT FROM lawspeaker_intact WHERE holder = '${id}') AS is_intact
      FROM lawspeaker_lease WHERE epoch = ${Math.trunc(epoch)} AND holder = '${id}'`;
}
