import { setImmediate as nextTurn } from 'node:timers/promises';

import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { dayMs } from '../../../core/duration.ts';
import { dialectOf, indexedBy, joinInOrder, notIndexed, wholeNumber } from '../../dialect.ts';
import type { Connection } from '../../schema.ts';
import { hasTarget } from './audit-target.ts';
import {
  hasBeginning,
  hasKeys,
  indexedNumber,
  isInIndex,
  keysOf,
  readTerms,
} from './search-expression.ts';
import type { IndexQuery } from './search-expression.ts';

/** What an entry must match; all of it. */
export interface AuditFilter {
  readonly by?: string | undefined;
  /** A user, an event or a room. What was done in a room is also found. */
  readonly target?: string | undefined;
  readonly command?: string | undefined;
  readonly status?: string | undefined;
  /** Milliseconds since 1970. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly eventId?: string | undefined;
  /** An item of the report queue. */
  readonly item?: number | undefined;
  /** Words of the reason, the arguments or the target, as people write them. */
  readonly text?: string | undefined;
}

/** A filter whose text has been read. */
export type AuditSearchQuery = Omit<AuditFilter, 'text'> & IndexQuery;

/** The numbers between two others. */
export interface NumberRange {
  readonly after: number;
  readonly before: number;
}

export const endOfNumbers = Number.MAX_SAFE_INTEGER;

export function readFilter(db: Connection, { text, ...filter }: AuditFilter): AuditSearchQuery {
  return { ...filter, terms: text === undefined ? undefined : readTerms(db, text) };
}

/** A query: the numbers of the first entries in this range that match. */
export function numbersOf(
  db: Connection,
  query: AuditSearchQuery,
  range: NumberRange,
  order: 'ASC' | 'DESC',
  limit: number,
): RawBuilder<{ id: number }> {
  const end = sql.raw(`ORDER BY id ${order} LIMIT ${Math.trunc(limit)}`);
  return sql`${sql.join(sourcesOf(db, query, range), sql` UNION ALL `)} ${end}`;
}

/**
 * Where to find the numbers of matching entries. Each source reads an index in the order of the numbers,
 * so that reading stops when there are enough. No entry is in two sources. The code chooses the index,
 * because SQLite has no statistics about the table.
 */
function sourcesOf(
  db: Connection,
  query: AuditSearchQuery,
  range: NumberRange,
): RawBuilder<unknown>[] {
  const { by, target, command, status, eventId, item, terms } = query;
  const entries = (index: RawBuilder<unknown>, ...conditions: RawBuilder<unknown>[]) => sql`
    SELECT candidate.id AS id FROM audit_log AS candidate ${index}
    WHERE candidate.kind != 'outcome'
      AND candidate.id > ${range.after} AND candidate.id < ${range.before}
      AND ${conjunction([...conditions, ...conditionsOf(query), ...statusCondition(query)])}`;
  if (status === 'open') {
    return [openIntents(db, query, range)];
  }
  if (terms !== undefined || hasKeys(db, query)) {
    return [found(db, query, range)];
  }
  if (eventId !== undefined) {
    return [
      entries(
        indexedBy(db, 'audit_log_event'),
        ...targetCondition(db, query),
        ...byCondition(query),
      ),
    ];
  }
  if (item !== undefined) {
    return [
      entries(
        indexedBy(db, 'audit_log_item'),
        ...targetCondition(db, query),
        ...byCondition(query),
      ),
    ];
  }
  if (target !== undefined) {
    return [
      entries(
        indexedBy(db, 'audit_log_target'),
        hasTarget(db, [target], 'candidate'),
        ...byCondition(query),
      ),
      ...(isRoom(target)
        ? [
            entries(
              indexedBy(db, 'audit_log_room'),
              sql`${roomOf(db, 'candidate')} = ${target}`,
              ...byCondition(query),
            ),
          ]
        : []),
    ];
  }
  if (by !== undefined) {
    const asked = sql`candidate.actor = ${by}`;
    const confirmed = sql`candidate.confirmer = ${by} AND candidate.confirmer != candidate.actor`;
    return [
      command !== undefined
        ? entries(indexedBy(db, 'audit_log_actor_command'), asked)
        : status !== undefined
          ? outcomes(indexedBy(db, 'audit_log_actor_status'), asked, query, range)
          : entries(indexedBy(db, 'audit_log_actor'), asked),
      entries(indexedBy(db, 'audit_log_confirmer'), confirmed),
    ];
  }
  if (status !== undefined) {
    return [
      command === undefined
        ? outcomes(indexedBy(db, 'audit_log_status'), sql`true`, query, range)
        : outcomes(
            indexedBy(db, 'audit_log_command_status'),
            sql`candidate.command = ${command}`,
            query,
            range,
          ),
    ];
  }
  return [
    command === undefined ? entries(notIndexed(db)) : entries(indexedBy(db, 'audit_log_command')),
  ];
}

/** Entries without an outcome. There are few. */
function openIntents(
  db: Connection,
  query: AuditSearchQuery,
  range: NumberRange,
): RawBuilder<unknown> {
  const { terms } = query;
  const contains = () =>
    // The words that begin like this are read once for all entries.
    terms?.some(hasBeginning) === true
      ? sql`open.id IN (
        SELECT ${indexedNumber(db)} FROM audit_search WHERE ${isInIndex(db, query)}
      )`
      : sql`EXISTS (
        SELECT 1 FROM audit_search WHERE ${isInIndex(db, query)} AND ${indexedNumber(db)} = open.id
      )`;
  return sql`
    SELECT open.id AS id FROM open_intents AS open
    ${joinInOrder(db)} audit_log AS candidate ON candidate.id = open.id
    WHERE open.id > ${range.after} AND open.id < ${range.before}
      AND ${conjunction([
        ...targetCondition(db, query),
        ...conditionsOf(query),
        ...byCondition(query),
        ...(terms === undefined ? [] : [contains()]),
      ])}`;
}

/**
 * Entries with the words of a text. The index of words also knows who did what to whom and how it ended, so
 * that few candidates are looked at in vain.
 */
function found(db: Connection, query: AuditSearchQuery, range: NumberRange): RawBuilder<unknown> {
  const id = indexedNumber(db);
  return sql`
    SELECT ${id} AS id FROM audit_search
    ${joinInOrder(db)} audit_log AS candidate ON candidate.id = ${id}
    WHERE ${isInIndex(db, query)}
      AND ${id} > ${wholeNumber(db, range.after)} AND ${id} < ${wholeNumber(db, range.before)}
      AND ${conjunction([
        ...targetCondition(db, query),
        ...byCondition(query),
        ...conditionsOf(query),
        ...statusCondition(query),
      ])}`;
}

function isRoom(target: string): boolean {
  return target.startsWith('!');
}

/**
 * The room that an entry is about, besides its target: in which something was done to a user, or of an event.
 * The index `audit_log_room` has the same expression.
 */
export function roomOf(db: Connection, table: string): RawBuilder<string | null> {
  if (dialectOf(db) === 'postgres') {
    return sql.raw(`audit_room(${table}.arguments, ${table}.target)`);
  }
  const room = `nullif(coalesce(
    CASE WHEN json_valid(T.arguments) THEN
      CASE WHEN json_extract(T.arguments, '$.step') GLOB '!*' THEN json_extract(T.arguments, '$.step')
        WHEN json_extract(T.arguments, '$.room') GLOB '!*' THEN json_extract(T.arguments, '$.room') END
    END,
    CASE WHEN T.target GLOB '{"room":"*' AND json_valid(T.target)
      THEN json_extract(T.target, '$.room') END
  ), T.target)`;
  return sql.raw(room.replaceAll('T.', `${table}.`));
}

/** Entries by their last outcome, or by how they were refused. */
function outcomes(
  index: RawBuilder<unknown>,
  condition: RawBuilder<unknown>,
  { status, since, until }: AuditFilter,
  range: NumberRange,
): RawBuilder<unknown> {
  const id = sql`coalesce(candidate.intent_id, candidate.id)`;
  const at = sql`(SELECT at FROM audit_log AS intent WHERE intent.id = ${id})`;
  return sql`
    SELECT ${id} AS id FROM audit_log AS candidate ${index}
    WHERE candidate.status = ${status} AND ${condition}
      AND ${id} > ${range.after} AND ${id} < ${range.before}
      AND NOT EXISTS (
        SELECT 1 FROM audit_log AS later
        WHERE later.intent_id = candidate.intent_id AND later.id > candidate.id
      )
      AND ${conjunction([
        ...(since === undefined ? [] : [sql`${at} >= ${since}`]),
        ...(until === undefined ? [] : [sql`${at} <= ${until}`]),
      ])}`;
}

function conjunction(conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` AND `);
}

/** All that a filter says about the entry itself, except who did it to whom. */
function conditionsOf(query: AuditSearchQuery): RawBuilder<unknown>[] {
  const { command, since, until, eventId, item } = query;
  return [
    ...(command === undefined ? [] : [sql`candidate.command = ${command}`]),
    ...(since === undefined ? [] : [sql`candidate.at >= ${since}`]),
    ...(until === undefined ? [] : [sql`candidate.at <= ${until}`]),
    ...(eventId === undefined ? [] : [sql`candidate.event_id = ${eventId}`]),
    ...(item === undefined ? [] : [sql`candidate.item_id = ${item}`]),
  ];
}

function targetCondition(db: Connection, { target }: AuditFilter): RawBuilder<unknown>[] {
  return target === undefined
    ? []
    : [
        isRoom(target)
          ? sql`(${hasTarget(db, [target], 'candidate')} OR ${roomOf(db, 'candidate')} = ${target})`
          : hasTarget(db, [target], 'candidate'),
      ];
}

function byCondition({ by }: AuditFilter): RawBuilder<unknown>[] {
  return by === undefined ? [] : [sql`(candidate.actor = ${by} OR candidate.confirmer = ${by})`];
}

function statusCondition({ status }: AuditFilter): RawBuilder<unknown>[] {
  return status === undefined
    ? []
    : [
        sql`${status} = coalesce((
          SELECT outcome.status FROM audit_log AS outcome
          WHERE outcome.intent_id = candidate.id ORDER BY outcome.id DESC LIMIT 1
        ), candidate.status, 'open')`,
      ];
}

/**
 * Narrows a range of numbers to the days of `since` and `until`: entries are not ordered by time, because
 * clocks can be set back. The entries of an operation have numbers that are close together.
 */
export async function narrow(
  db: Connection,
  { since, until, eventId }: AuditFilter,
  range: NumberRange,
): Promise<NumberRange> {
  let { after, before } = range;
  if (eventId !== undefined) {
    const ofOperation = (bound: 'min' | 'max') => sql`(
      SELECT ${sql.raw(bound)}(id) FROM audit_log ${indexedBy(db, 'audit_log_event')}
      WHERE event_id = ${eventId} AND kind != 'outcome'
    )`;
    const { rows } = await sql<{ first: number | null; last: number | null }>`
      SELECT ${ofOperation('min')} AS first, ${ofOperation('max')} AS last`.execute(db);
    after = Math.max(after, (rows[0]?.first ?? endOfNumbers) - 1);
    before = Math.min(before, (rows[0]?.last ?? 0) + 1);
  }
  if (since !== undefined) {
    const { id } = await db
      .selectFrom('audit_days')
      .select(({ fn }) => fn.min('first_id').as('id'))
      .where('day', '>=', Math.floor(since / dayMs))
      .executeTakeFirstOrThrow();
    after = Math.max(after, (id ?? endOfNumbers) - 1);
  }
  if (until !== undefined) {
    const { id } = await db
      .selectFrom('audit_days')
      .select(({ fn }) => fn.max('last_id').as('id'))
      .where('day', '<=', Math.floor(until / dayMs))
      .executeTakeFirstOrThrow();
    before = Math.min(before, (id ?? 0) + 1);
  }
  return { after, before };
}

/** A query: how many entries about a subject failed, without those of some commands. */
export function failedEntries(
  db: Connection,
  target: string,
  exceptCommands: readonly string[],
): RawBuilder<unknown> {
  if (dialectOf(db) === 'sqlite') {
    // The index of words has keys for all of it.
    const except = exceptCommands.map((command) => keysOf({ command })).join(' OR ');
    const failed = `(${keysOf({ target, status: 'failed' })}) NOT (${except})`;
    return sql`
      SELECT count(*) FROM audit_search
      WHERE audit_search MATCH ${failed} AND EXISTS (
        SELECT 1 FROM audit_log WHERE id = ${indexedNumber(db)} AND kind = 'intent'
      )`;
  }
  return sql`
    SELECT count(*) FROM audit_log AS candidate
    WHERE candidate.kind = 'intent' AND candidate.command NOT IN (${sql.join(exceptCommands)})
      AND ${conjunction([...targetCondition(db, { target }), ...statusCondition({ status: 'failed' })])}`;
}

/** How much of the index is rewritten at once: few enough pages that others wait only milliseconds. */
const pagesAtOnce = 100;

/** The index of words. Triggers keep it. */
export function auditSearch(db: Connection) {
  const changes = async () => {
    const { rows } = await sql<{ count: number }>`SELECT total_changes() AS count`.execute(db);
    return rows[0]?.count ?? 0;
  };
  return {
    /**
     * Rewrites the index, without the words that entries do not have any more. A replaced entry is not found
     * by them, but they stay in the file until then. Takes a second for a million entries, in small steps.
     */
    async compact(): Promise<void> {
      if (dialectOf(db) === 'postgres') {
        // Its own autovacuum does that.
        return;
      }
      // A negative number begins, the others continue. A step that changes next to nothing is the last.
      for (let pages = -pagesAtOnce; ; pages = pagesAtOnce) {
        const before = await changes();
        await sql`INSERT INTO audit_search (audit_search, rank) VALUES ('merge', ${pages})`.execute(
          db,
        );
        if ((await changes()) - before < 2) {
          return;
        }
        await nextTurn();
      }
    },
  };
}

export type AuditSearch = ReturnType<typeof auditSearch>;
