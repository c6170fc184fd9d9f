import { sql } from 'kysely';
import type { Kysely, Transaction } from 'kysely';

import { SetupError, StoreError } from '../../core/errors.ts';
import { systemCodeOf } from '../../core/system-error.ts';
import { compactDatabase } from '../compact.ts';
import { openDatabase } from '../database.ts';
import { dialectOf } from '../dialect.ts';
import { isPostgres, shownPlace } from '../postgres/errors.ts';
import type { Connection, Tables } from '../schema.ts';
import { anchor } from '../tables/audit/anchor.ts';
import { auditLog } from '../tables/audit/audit-log.ts';
import type { ChainEnd } from '../tables/audit/audit-log.ts';
import { appendRows, assertSameLog, assertStorable, forgetRows } from './copy-audit-log.ts';
import { copyRows, countOf, isEmpty, piecesOf, removeRows, sameRows, textOf } from './copy-rows.ts';
import type { Changes, Progress } from './copy-rows.ts';
import { continueNumbers } from './numbers.ts';
import { listOf, movedTables } from './tables.ts';
import type { MovedTable, MovedTables } from './tables.ts';
import { countForPlans } from './tidy-postgres.ts';
import { isUnfinishedCopy, markUnfinished } from './unfinished-copy.ts';

/** A table with the rows that it has now, on both sides. */
export interface MovedCounts extends Changes {
  readonly table: string;
  readonly rows: number;
}

/** What `moveDatabase` did. The chain is the one of both sides. */
export interface Moved extends ChainEnd {
  readonly tables: readonly MovedCounts[];
}

interface MoveOptions {
  /** A file of SQLite, or a URL of PostgreSQL. A bot may be using it. */
  readonly from: string;
  readonly to: string;
  /** Called with what is going on. */
  readonly inform: (message: string) => void;
}

/** What a move works with. */
interface Move extends MoveOptions {
  /** In a transaction that reads what was there at one moment. */
  readonly source: Connection;
  readonly target: Kysely<Tables>;
  readonly tables: MovedTables;
  readonly changes: ReadonlyMap<MovedTable, Changes>;
}

/**
 * Makes a database a copy of another one, as that is at this moment. If it is a copy of an earlier moment already, or
 * a part of a copy, only what differs is written.
 *
 * @throws SetupError a database can't be used, or the target has something else in it; nothing was changed
 * @throws StoreError a database failed; the next run goes on
 */
export async function moveDatabase(options: MoveOptions): Promise<Moved> {
  const { from, to, inform } = options;
  if (!isPostgres(from) && !isPostgres(to)) {
    throw new SetupError(
      'Both databases are files of SQLite.',
      'To finish a move from PostgreSQL, name it with --from. To copy a file, use lawspeaker backup.',
    );
  }
  if (from === to) {
    throw new SetupError('Both databases are the same.', 'Name another one with --to.');
  }
  const tables = await movedTables();
  const changes = new Map(
    listOf(tables).map((table) => [table, { added: 0, changed: 0, removed: 0 }] as const),
  );
  const reading = await openDatabase(from, { readonly: true });
  try {
    const target = await openDatabase(to, { lock: true, inform });
    try {
      return await reading.transaction().execute(async (source) => {
        await makeSnapshot(source);
        return move({ ...options, source, target, tables, changes });
      });
    } finally {
      await target.destroy();
    }
  } catch (error) {
    throw inWords(error);
  } finally {
    await reading.destroy();
  }
}

/** On SQLite, each transaction reads what was there when it began. */
async function makeSnapshot(source: Transaction<Tables>): Promise<void> {
  if (dialectOf(source) === 'postgres') {
    await sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`.execute(source);
    await sql`SET LOCAL statement_timeout = 0`.execute(source);
    await sql`SET LOCAL idle_in_transaction_session_timeout = 0`.execute(source);
  }
}

async function move(one: Move): Promise<Moved> {
  const { source, target, tables, from, to, inform } = one;
  const copied = await assertSameLog(source, target, shownPlace(to));
  const isContinued = await isUnfinishedCopy(target);
  const isSilentCopy = copied === 0 && !isContinued && (await isCopyWithoutLog(one));
  if (copied === 0 && !isContinued && !isSilentCopy) {
    await assertEmpty(one);
  }
  inform(`Verifying the audit log in ${shownPlace(from)}.`);
  const end = await verified(source, from, 'Nothing was changed. See docs/audit.md.');
  await assertStorable(source, target, tables.auditLog, copied);

  await markUnfinished(target);
  await copyAuditLog(one, copied);
  await copyTables(one);
  for (const table of listOf(tables)) {
    if (table.number !== undefined) {
      await continueNumbers(source, target, table);
    }
  }

  await countForPlans(target);
  inform(`Verifying the audit log in ${shownPlace(to)}.`);
  const copy = await verified(
    target,
    to,
    'Don’t use this copy. Start again with an empty database.',
  );
  if (copy.count !== end.count || copy.head !== end.head) {
    throw new StoreError(
      `the audit log in ${shownPlace(to)} has ${copy.count} rows with the head ${copy.head}, the other one ${end.count} with the head ${end.head}`,
      'Don’t use this copy. Start again with an empty database.',
    );
  }
  // What was forgotten since an earlier run must not stay in what is free now; that may have been interrupted.
  if (isContinued || isSilentCopy || changesOf(one, tables.auditLog).changed > 0) {
    inform(`Removing what was forgotten from ${shownPlace(to)}.`);
    await compactDatabase(target);
  }
  await copyTable(one, tables.syncState);
  // The mark was one of its rows.
  changesOf(one, tables.syncState).removed -= 1;
  return { ...end, tables: await compared(one) };
}

/** Columns with which no two bots have the same rows. */
const messageColumns = new Map([
  ['inbox', ['event_id']],
  ['outbox', ['id', 'transaction_id']],
]);

/**
 * Whether the target is a copy of an earlier moment, when the source had no audit log yet: its messages are messages of
 * the source.
 */
async function isCopyWithoutLog({ source, target, tables }: Move): Promise<boolean> {
  let found = 0;
  for (const table of tables.others) {
    const columns = messageColumns.get(table.name);
    if (columns === undefined) {
      continue;
    }
    for await (const rows of piecesOf(target, table, {}, columns)) {
      const there = await sameRows(source, table, rows, columns);
      const known = new Set(there.map((row) => textOf(row, columns)));
      if (!rows.every((row) => known.has(textOf(row, columns)))) {
        return false;
      }
      found += rows.length;
    }
  }
  return found > 0;
}

/** @throws SetupError there is something in the target */
async function assertEmpty({ target, tables, to }: Move): Promise<void> {
  for (const table of listOf(tables)) {
    if (!(await isEmpty(target, table))) {
      throw new SetupError(
        `The database ${shownPlace(to)} is not empty, and not a copy of this one.`,
        'Nothing was changed. Choose an empty database.',
      );
    }
  }
}

/** @throws StoreError somebody has tampered with the audit log */
async function verified(db: Connection, place: string, advice: string): Promise<ChainEnd> {
  const posted = await anchor(db).get();
  const { count, head, fault } = await auditLog(db).verify(posted === undefined ? [] : [posted]);
  if (fault !== undefined) {
    throw new StoreError(
      `the audit log in ${shownPlace(place)} was tampered with: row ${fault.id} is ${fault.kind}`,
      advice,
    );
  }
  return { count, head };
}

async function copyAuditLog(one: Move, copied: number): Promise<void> {
  const { source, target, tables } = one;
  const changes = changesOf(one, tables.auditLog);
  await forgetRows(source, target, tables.auditLog, copied, changes);
  const progress = await progressOf(one, tables.auditLog);
  await appendRows(source, target, tables.auditLog, copied, changes, progress);
}

/** Rows go before those that they refer to, and come after them. */
async function copyTables(one: Move): Promise<void> {
  const { source, target, tables } = one;
  for (const table of tables.others.toReversed()) {
    await removeRows(source, target, table, changesOf(one, table));
  }
  for (const table of tables.others) {
    await copyRows(source, target, table, changesOf(one, table), await progressOf(one, table));
  }
  // The triggers of the target have counted by now.
  for (const table of tables.sums) {
    await copyTable(one, table);
  }
}

async function copyTable(one: Move, table: MovedTable): Promise<void> {
  const { source, target } = one;
  await copyRows(source, target, table, changesOf(one, table), () => undefined);
  await removeRows(source, target, table, changesOf(one, table));
}

function changesOf({ changes }: Move, table: MovedTable): Changes {
  return changes.get(table) ?? { added: 0, changed: 0, removed: 0 };
}

/** How often to say how far it is. A table with fewer rows takes a moment. */
const informEveryMs = 3000;
const fewRows = 1000;

async function progressOf({ source, inform }: Move, table: MovedTable): Promise<Progress> {
  const all = await countOf(source, table);
  const say = (rows: number) =>
    inform(`${table.name}: ${rows.toLocaleString('en')} of ${all.toLocaleString('en')} rows`);
  let saidAt = Number.NEGATIVE_INFINITY;
  return (rows) => {
    if (all > fewRows && (rows === all || performance.now() - saidAt > informEveryMs)) {
      say(rows);
      saidAt = performance.now();
    }
  };
}

/** @throws StoreError a table has another number of rows */
async function compared(one: Move): Promise<MovedCounts[]> {
  const counts = [];
  for (const table of listOf(one.tables)) {
    const rows = await countOf(one.source, table);
    const copied = await countOf(one.target, table);
    if (rows !== copied) {
      throw new StoreError(
        `the table ${table.name} has ${rows} rows, and ${copied} in ${shownPlace(one.to)}`,
        'Don’t use this copy. Start again with an empty database.',
      );
    }
    counts.push({ table: table.name, rows, ...changesOf(one, table) });
  }
  return counts;
}

/** The advice of the store is for a running bot. */
function inWords(error: unknown): unknown {
  const advice = 'Run the same command again: it goes on where it stopped.';
  const code = systemCodeOf(error);
  if (code.startsWith('SQLITE')) {
    return new StoreError(`the database failed (${code})`, advice);
  }
  return error instanceof StoreError && error.message.startsWith('the database failed')
    ? new StoreError(error.message, advice)
    : error;
}
