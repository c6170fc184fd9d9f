import { sql } from 'kysely';
import type { Kysely, Transaction } from 'kysely';

import { createSerialQueue } from '../core/async/serial-queue.ts';
import { StoreError, StoreUnavailableError } from '../core/errors.ts';
import { systemCodeOf } from '../core/system-error.ts';
import { compactDatabase } from './compact.ts';
import { openDatabase } from './database.ts';
import type { OpenOptions } from './database.ts';
import { dialectOf } from './dialect.ts';
import { assertFinished } from './move/unfinished-copy.ts';
import { auditLog } from './tables/audit/audit-log.ts';
import type { AuditLog } from './tables/audit/audit-log.ts';
import { auditSearch } from './tables/audit/audit-search.ts';
import type { AuditSearch } from './tables/audit/audit-search.ts';
import { inbox } from './tables/inbox.ts';
import type { Inbox } from './tables/inbox.ts';
import { confirmations } from './tables/operations/confirmations.ts';
import type { Confirmations } from './tables/operations/confirmations.ts';
import { operationTargets } from './tables/operations/operation-targets.ts';
import type { OperationTargets } from './tables/operations/operation-targets.ts';
import { operations } from './tables/operations/operations.ts';
import type { Operations } from './tables/operations/operations.ts';
import { timers } from './tables/operations/timers.ts';
import type { Timers } from './tables/operations/timers.ts';
import { outbox } from './tables/outbox.ts';
import type { Outbox } from './tables/outbox.ts';
export { transactionIdFor } from './tables/outbox.ts';
import { InterruptedError, LeaseLostError } from './postgres/errors.ts';
import type { Connection, Tables } from './schema.ts';
import { anchor } from './tables/audit/anchor.ts';
import type { AnchorStore } from './tables/audit/anchor.ts';
import { damagedRows } from './tables/damaged-rows.ts';
import type { DamagedRows } from './tables/damaged-rows.ts';
import { dataLoss } from './tables/data-loss.ts';
import type { DataLossStore } from './tables/data-loss.ts';
import { moderationRecord } from './tables/moderation-record.ts';
import type { ModerationRecord } from './tables/moderation-record.ts';
import { notes } from './tables/notes.ts';
import type { Notes } from './tables/notes.ts';
import { personalData } from './tables/privacy/personal-data.ts';
import type { PersonalData } from './tables/privacy/personal-data.ts';
import { retention } from './tables/privacy/retention.ts';
import type { Retention } from './tables/privacy/retention.ts';
import { reportCards } from './tables/reports/report-cards.ts';
import type { ReportCards } from './tables/reports/report-cards.ts';
import { reportHistory } from './tables/reports/report-history.ts';
import type { ReportHistory } from './tables/reports/report-history.ts';
import { reportItems } from './tables/reports/report-items.ts';
import type { ReportItems } from './tables/reports/report-items.ts';
import { reportWork } from './tables/reports/report-work.ts';
import type { ReportWork } from './tables/reports/report-work.ts';
import { reports } from './tables/reports/reports.ts';
import type { Reports } from './tables/reports/reports.ts';
import { ruleMatches } from './tables/reports/rule-matches.ts';
import type { RuleMatches } from './tables/reports/rule-matches.ts';
import { signUpWaves } from './tables/reports/sign-up-waves.ts';
import type { SignUpWaves } from './tables/reports/sign-up-waves.ts';
import { secrets } from './tables/secrets.ts';
import type { Secrets } from './tables/secrets.ts';
import { statistics } from './tables/statistics.ts';
import type { Statistics } from './tables/statistics.ts';
import { subjectHistory } from './tables/subject-history.ts';
import type { SubjectHistory } from './tables/subject-history.ts';
import { syncState } from './tables/sync-state.ts';
import type { SyncState } from './tables/sync-state.ts';
import { tags } from './tables/tags.ts';
import type { Tags } from './tables/tags.ts';

/** The tables, on one connection or in one transaction. */
export interface StoreTables {
  readonly auditLog: AuditLog;
  readonly auditSearch: AuditSearch;
  readonly confirmations: Confirmations;
  readonly operations: Operations;
  readonly operationTargets: OperationTargets;
  readonly inbox: Inbox;
  readonly timers: Timers;
  readonly outbox: Outbox;
  readonly personalData: PersonalData;
  readonly retention: Retention;
  readonly dataLoss: DataLossStore;
  readonly moderationRecord: ModerationRecord;
  readonly notes: Notes;
  readonly reportCards: ReportCards;
  readonly reportHistory: ReportHistory;
  readonly reportItems: ReportItems;
  readonly reportWork: ReportWork;
  readonly reports: Reports;
  readonly ruleMatches: RuleMatches;
  readonly secrets: Secrets;
  readonly signUpWaves: SignUpWaves;
  readonly damagedRows: DamagedRows;
  readonly statistics: Statistics;
  readonly subjectHistory: SubjectHistory;
  readonly anchor: AnchorStore;
  readonly syncState: SyncState;
  readonly tags: Tags;
}

export interface Store extends Omit<StoreTables, 'auditLog'> {
  /** Only for reading. Writing needs a transaction: otherwise two writers could fork the hash chain. */
  readonly auditLog: Pick<
    AuditLog,
    | 'countByRules'
    | 'end'
    | 'get'
    | 'hashOf'
    | 'hasForgottenReason'
    | 'inOrder'
    | 'intentOf'
    | 'rowsOf'
    | 'search'
    | 'sinceOf'
    | 'timeOf'
    | 'verify'
  >;
  /**
   * Commits everything that `work` does, or nothing. When the promise resolves, it is on the disk.
   *
   * @param options.repeatable whatever is lost is done again. The commit then does not wait for
   * the disk: a crash of the bot loses nothing, but if the power fails, the last such commits may be
   * lost. No commit survives one that came before it.
   */
  transaction<Result>(
    work: (tables: StoreTables) => Promise<Result>,
    options?: { readonly repeatable?: boolean },
  ): Promise<Result>;
  /**
   * Rewrites the file, so that nothing that was deleted is left in it. Nothing else can be done meanwhile: it takes
   * about a second for 100 MB, and as much free space on the disk as the database has.
   *
   * @throws StoreError there is not enough space, or another program is reading the database
   */
  compact(): Promise<void>;
  close(): Promise<void>;
}

/** What makes each table. */
const makers = {
  auditLog,
  auditSearch,
  confirmations,
  operations,
  operationTargets,
  inbox,
  timers,
  outbox,
  personalData,
  retention,
  dataLoss,
  moderationRecord,
  notes,
  reportCards,
  reportHistory,
  reportItems,
  reportWork,
  reports,
  ruleMatches,
  secrets,
  signUpWaves,
  damagedRows,
  statistics,
  subjectHistory,
  anchor,
  syncState,
  tags,
} satisfies { [Name in keyof StoreTables]: (db: Connection) => StoreTables[Name] };

/** Makes the tables on a connection, each of them when it is first used: a transaction uses a few. */
function createTables(guard?: Guard): (db: Connection) => StoreTables {
  const getters = {};
  for (const [name, make] of Object.entries(makers)) {
    Object.defineProperty(getters, name, {
      get(this: { readonly db: Connection }) {
        const table = guard === undefined ? make(this.db) : guard(make(this.db) as Methods);
        Object.defineProperty(this, name, { value: table, writable: true, configurable: true });
        return table;
      },
    });
  }
  return (db) => Object.assign(Object.create(getters), { db });
}

/**
 * Opens the store. All calls throw a StoreError if the database fails.
 *
 * @param place a file of SQLite, or a URL of PostgreSQL
 * @throws SetupError as `openDatabase`, or it is to be locked and is an unfinished copy
 */
export async function openStore(place: string, options: OpenOptions = {}): Promise<Store> {
  const db: Kysely<Tables> = await openDatabase(place, options);
  if ((options.lock ?? false) !== false) {
    await assertFinished(db, place).catch(async (error: unknown) => {
      await db.destroy();
      throw error;
    });
  }
  let isOpen = true;
  const translated: Translate = async (work) => {
    if (!isOpen) {
      throw new StoreError('the database is closed', 'The bot is stopping.');
    }
    return translateErrors(work);
  };
  const tables = createTables(guardedBy(translated))(db);
  // The transaction translates the errors of all that is done in it.
  const tablesIn = createTables();
  const { transact } = (dialectOf(db) === 'sqlite' ? sqliteWays : postgresWays)(db, options);
  return {
    ...(Object.fromEntries(
      Object.keys(makers).map((name) => [name, tables[name as keyof StoreTables]]),
    ) as unknown as StoreTables),
    transaction: async (work, { repeatable = false } = {}) =>
      translated(async () => transact(async (trx) => work(tablesIn(trx)), repeatable)),
    compact: async () => translated(async () => compactDatabase(db)),
    close: async () => {
      isOpen = false;
      await db.destroy();
    },
  };
}

type TransactionBody<Result> = (transaction: Transaction<Tables>) => Promise<Result>;

/** What a store does differently on SQLite and on PostgreSQL. */
interface Ways {
  transact<Result>(body: TransactionBody<Result>, isRepeatable: boolean): Promise<Result>;
}

function sqliteWays(db: Kysely<Tables>): Ways {
  return {
    transact: async (body, isRepeatable) =>
      isRepeatable ? withoutWaiting(db, body) : db.transaction().execute(body),
  };
}

function postgresWays(db: Kysely<Tables>, { onInterrupted }: OpenOptions): Ways {
  // Transactions of all processes wait for each other. Those of this one do so without a connection.
  const queue = createSerialQueue();
  async function transact<Result>(
    body: TransactionBody<Result>,
    isRepeatable: boolean,
    triesLeft = maxInterruptions,
  ): Promise<Result> {
    let hasBegun = false;
    try {
      return await db.transaction().execute(async (transaction) => {
        hasBegun = true;
        if (isRepeatable) {
          await sql`SET LOCAL synchronous_commit = off`.execute(transaction);
        }
        return body(transaction);
      });
    } catch (error) {
      const isInterrupted = error instanceof InterruptedError;
      if (!isInterrupted && !(error instanceof LeaseLostError)) {
        throw error;
      }
      if (isInterrupted && !hasBegun && triesLeft > 0) {
        return transact(body, isRepeatable, triesLeft - 1);
      }
      onInterrupted?.();
      throw error;
    }
  }
  return {
    transact: async (body, isRepeatable) => queue.run(async () => transact(body, isRepeatable)),
  };
}

/** How often to try again a transaction that could not begin; each time, it waits for PostgreSQL. */
const maxInterruptions = 3;

/** The write-ahead log is not synced at the end. Source: `PRAGMA synchronous` of SQLite. */
async function withoutWaiting<Result>(
  db: Kysely<Tables>,
  body: TransactionBody<Result>,
): Promise<Result> {
  return db.connection().execute(async (connection) => {
    await sql`PRAGMA synchronous = NORMAL`.execute(connection);
    try {
      return await connection.transaction().execute(body);
    } finally {
      await sql`PRAGMA synchronous = FULL`.execute(connection);
    }
  });
}

type Method = (...parameters: never[]) => Promise<unknown>;
type Methods = Record<string, Method>;
type Guard = (table: Methods) => Methods;
type Translate = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** The same table, with methods that throw a StoreError if the database fails. */
const guardedBy =
  (translated: Translate): Guard =>
  (table) =>
    Object.fromEntries(
      Object.entries(table).map(([name, method]) => [
        name,
        async (...parameters: never[]) => translated(async () => method(...parameters)),
      ]),
    );

async function translateErrors<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const code = systemCodeOf(error);
    if (!code.startsWith('SQLITE')) {
      throw error;
    }
    const Failed = /^SQLITE_(?:BUSY|FULL|IOERR)/u.test(code) ? StoreUnavailableError : StoreError;
    throw new Failed(
      `the database failed (${code})`,
      'The bot does nothing while it can’t record its actions. Check the disk and its permissions.',
    );
  }
}
