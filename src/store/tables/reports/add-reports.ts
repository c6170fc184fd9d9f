import { CompiledQuery, sql } from 'kysely';
import type { Insertable, Selectable } from 'kysely';

import { isForgotten } from '../../../core/forgotten.ts';
import { serverNameOf } from '../../../core/ids.ts';
import type { UserId } from '../../../core/ids.ts';
import { dialectOf, greatest, storableText } from '../../dialect.ts';
import type { Connection, ReportItemsTable, Tables } from '../../schema.ts';
import { reportHistory } from './report-history.ts';
import { isClosed } from './report-items.ts';

/**
 * What identifies a report. Its number alone doesn't: each homeserver has numbers of its own, and Synapse reuses the
 * number of the newest report if that was deleted before a restart.
 */
export interface ReportKey {
  readonly kind: 'event' | 'user';
  readonly reportId: number;
  readonly receivedTs: number;
  /** The event or user that was reported. */
  readonly subject: string;
  /** The homeserver that lists it. Empty if it is not known. */
  readonly server: string;
}

export interface NewReport extends Omit<ReportKey, 'server'> {
  /** A user of the homeserver that lists it. */
  readonly reporter: string;
  readonly reason: string | null;
  readonly score: number | null;
  readonly roomId: string | null;
  readonly roomName: string | null;
  readonly sender: string | null;
}

/** What a new report did to the queue. */
export interface AddedReport {
  readonly itemId: number;
  readonly isNewItem: boolean;
}

/** The homeserver does not limit the length of a reason. */
const maxReasonLength = 2000;

/** People can send any number. One that doesn't fit into the column must not hold up other reports. */
function storable(score: number): number {
  const whole = Math.trunc(score);
  return Math.min(Math.max(whole, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

/** The sender and the room name, each from the latest report that gives one. */
function describedBy(added: readonly ReportToAdd[]) {
  return {
    sender: added.findLast(({ report }) => report.sender !== null)?.report.sender ?? null,
    room_name: added.findLast(({ report }) => report.roomName !== null)?.report.roomName ?? null,
  };
}

/** When the latest report was received, and by which homeserver. */
function newestOf(added: readonly ReportToAdd[]): Pick<ReportKey, 'receivedTs' | 'server'> {
  const receivedTs = Math.max(...added.map(({ report }) => report.receivedTs));
  const newest = added.findLast(({ report }) => report.receivedTs === receivedTs);
  return { receivedTs, server: newest === undefined ? '' : serverOf(newest.report) };
}

/**
 * Inserts rows with the same columns, many in each statement. Kysely would build each statement again, which
 * takes as long as running it; these few texts stay prepared.
 *
 * @returns the columns of `returning`, in any order
 */
async function insertRows<Table extends 'report_items' | 'reports', Returned>(
  db: Connection,
  table: Table,
  rows: readonly Insertable<Tables[Table]>[],
  returning: readonly (keyof Tables[Table] & string)[] = [],
): Promise<Returned[]> {
  const columns = Object.keys(rows[0] ?? {}) as (keyof Insertable<Tables[Table]>)[];
  const returned: Returned[] = [];
  for (let start = 0; start < rows.length; start += rowsPerInsert) {
    const part = rows.slice(start, start + rowsPerInsert);
    const text = `INSERT INTO ${table} (${columns.join(', ')})
      VALUES ${part.map((_, row) => placesOf(db, columns.length, row)).join(', ')}
      ${returning.length === 0 ? '' : `RETURNING ${returning.join(', ')}`}`;
    const values = part.flatMap((row) => columns.map((column) => row[column]));
    const result = await db.executeQuery(CompiledQuery.raw(text, values));
    returned.push(...(result.rows as Returned[]));
  }
  return returned;
}

/** The parameters of one row. SQLite has no numbers for them, so that equal statements have equal texts. */
function placesOf(db: Connection, columns: number, row: number): string {
  const isNumbered = dialectOf(db) === 'postgres';
  const places = Array.from({ length: columns }, (_, at) =>
    isNumbered ? `$${row * columns + at + 1}` : '?',
  );
  return `(${places.join(', ')})`;
}

/** How a report that opens an item, or counts in one, is treated. */
export interface NewItemOptions {
  /** It is from before the first start: rules ignore it. */
  readonly isBacklog: boolean;
  /** It gets no card, and its details are not fetched. */
  readonly isQuiet: boolean;
}

/** A report, and how its item is treated. */
export interface ReportToAdd {
  readonly report: NewReport;
  readonly options: NewItemOptions;
}

/** An item that exists, as far as adding reports to it needs it. */
type KnownItem = Pick<Selectable<ReportItemsTable>, 'id' | 'subject' | 'state' | 'closed_at'>;

/** A statement with more values than this takes longer to write than to run. */
const rowsPerInsert = 50;

/** The homeserver that lists a report: people report to their own. */
const serverOf = ({ reporter }: Pick<NewReport, 'reporter'>) =>
  serverNameOf(reporter as UserId) ?? '';

const keyOf = (
  server: string,
  { reportId, receivedTs }: Pick<ReportKey, 'reportId' | 'receivedTs'>,
  subject: string,
) => JSON.stringify([server, reportId, receivedTs, subject]);

/** Those of one kind that are not stored yet, each once, in the order given. */
async function newOf(db: Connection, kind: ReportKey['kind'], all: readonly ReportToAdd[]) {
  const stored = await db
    .selectFrom('reports')
    .select(['report_id as reportId', 'received_ts as receivedTs', 'subject', 'server'])
    .where('kind', '=', kind)
    .where(
      'report_id',
      'in',
      all.map(({ report }) => report.reportId),
    )
    .execute();
  // The homeserver still lists reports about people who were forgotten here: whatever they are about, they are known.
  const known = new Set(
    stored.map((report) =>
      keyOf(report.server, report, isForgotten(report.subject) ? '' : report.subject),
    ),
  );
  return all.filter(({ report }) => {
    const isKnown = [serverOf(report), ''].some(
      (server) =>
        known.has(keyOf(server, report, report.subject)) || known.has(keyOf(server, report, '')),
    );
    known.add(keyOf(serverOf(report), report, report.subject));
    return !isKnown;
  });
}

async function addItems(
  db: Connection,
  kind: ReportKey['kind'],
  items: ReadonlyMap<string, readonly ReportToAdd[]>,
  at: number,
): Promise<KnownItem[]> {
  const rows = [...items].map(([subject, added]) => {
    const needsWork = added.some(({ options }) => !options.isQuiet) ? 1 : 0;
    return {
      kind,
      subject,
      server: newestOf(added).server,
      ...describedBy(added),
      room_id: added[0]?.report.roomId ?? null,
      sender_created_at: null,
      content: null,
      state: 'open' as const,
      reports: added.length,
      last_report_at: newestOf(added).receivedTs,
      created_at: at,
      opened_at: at,
      reopened: 0,
      claimed_by: null,
      claimed_at: null,
      closed_by: null,
      closed_at: null,
      note: null,
      is_backlog: added.every(({ options }) => options.isBacklog) ? 1 : 0,
      needs_look: needsWork,
      needs_card: needsWork,
      card: needsWork === 0 ? ('digest' as const) : ('none' as const),
      card_at: null,
      card_revision: 0,
      reminded_at: null,
    };
  });
  return insertRows(db, 'report_items', rows, ['id', 'subject', 'state', 'closed_at']);
}

/** Counts more reports of a known item. A report from after its decision opens it again. */
async function updateItem(
  db: Connection,
  item: KnownItem,
  added: readonly ReportToAdd[],
  at: number,
): Promise<void> {
  const { sender, room_name: roomName } = describedBy(added);
  const { receivedTs: lastReportAt, server } = newestOf(added);
  const changes = [
    sql`reports = reports + ${added.length}`,
    sql`server = CASE WHEN last_report_at > ${lastReportAt} THEN server ELSE ${server} END`,
    sql`last_report_at = ${greatest(db, sql`last_report_at`, sql`${lastReportAt}`)}`,
    ...(sender === null ? [] : [sql`sender = ${sender}`]),
    ...(roomName === null ? [] : [sql`room_name = ${roomName}`]),
    ...(added.every(({ options }) => options.isQuiet)
      ? []
      : [
          // What a digest has counted, or the backlog, is news again.
          sql`card = CASE WHEN card = 'digest' AND needs_look = 0 THEN 'none' ELSE card END`,
          sql`needs_look = 1`,
          sql`needs_card = 1`,
        ]),
    // What is reported now is not from before the first start.
    ...(added.every(({ options }) => options.isBacklog) ? [] : [sql`is_backlog = 0`]),
  ];
  await sql`UPDATE report_items SET ${sql.join(changes)} WHERE id = ${item.id}`.execute(db);
  const later = added.find(({ report }) => report.receivedTs > (item.closed_at ?? 0));
  if (isClosed(item.state) && later !== undefined) {
    await reopenItem(db, item, later.report.reporter, at);
  }
}

async function reopenItem(
  db: Connection,
  { id, state }: KnownItem,
  reporter: string,
  at: number,
): Promise<void> {
  await db
    .updateTable('report_items')
    .set(({ eb }) => ({
      state: 'open',
      opened_at: at,
      reopened: eb('reopened', '+', 1),
      claimed_by: null,
      claimed_at: null,
      closed_by: null,
      closed_at: null,
      note: null,
    }))
    .where('id', '=', id)
    .execute();
  const entry = { itemId: id, at, kind: 'reopened', actor: reporter, detail: state } as const;
  await reportHistory(db).add(entry, { isShown: false });
}

/** Adds reports of one kind. Returns the effect of each that was not known. */
export async function addOfKind(
  db: Connection,
  kind: ReportKey['kind'],
  given: readonly ReportToAdd[],
  at: number,
): Promise<AddedReport[]> {
  const added = await newOf(db, kind, given);
  if (added.length === 0) {
    return [];
  }
  const bySubject = Map.groupBy(added, ({ report }) => report.subject);
  const known = await db
    .selectFrom('report_items')
    .select(['id', 'subject', 'state', 'closed_at'])
    .where('kind', '=', kind)
    .where('subject', 'in', [...bySubject.keys()])
    .execute();
  for (const item of known) {
    await updateItem(db, item, bySubject.get(item.subject) ?? [], at);
  }
  const before = new Set(known.map(({ subject }) => subject));
  const opened = new Map([...bySubject].filter(([subject]) => !before.has(subject)));
  const items = new Map(
    [...known, ...(await addItems(db, kind, opened, at))].map(({ id, subject }) => [subject, id]),
  );
  const rows = added.map(({ report }) => ({
    kind,
    report_id: report.reportId,
    received_ts: report.receivedTs,
    subject: report.subject,
    server: serverOf(report),
    item_id: items.get(report.subject) ?? 0,
    reporter: report.reporter,
    reporter_created_at: null,
    reporter_restricted: null,
    reason: report.reason === null ? null : storableText(report.reason.slice(0, maxReasonLength)),
    score: report.score === null ? null : storable(report.score),
    seen_at: at,
  }));
  await insertRows(db, 'reports', rows);
  return rows.map(({ item_id: itemId, subject }) => ({
    itemId,
    isNewItem: !before.has(subject),
  }));
}
