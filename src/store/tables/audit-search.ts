import { setImmediate as nextTurn } from 'node:timers/promises';

import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { dayMs } from '../../core/duration.ts';
import { readSearchText, spellingsOf } from '../../core/search-text.ts';
import type { Connection } from '../database.ts';

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

/** The numbers between two others. */
export interface NumberRange {
  readonly after: number;
  readonly before: number;
}

export const endOfNumbers = Number.MAX_SAFE_INTEGER;

/** A condition for `entry`: it is one of the first entries in this range that match. */
export function matching(
  query: AuditFilter,
  range: NumberRange,
  order: 'ASC' | 'DESC',
  limit: number,
): RawBuilder<boolean> {
  const end = sql.raw(`ORDER BY id ${order} LIMIT ${Math.trunc(limit)}`);
  return sql<boolean>`entry.id IN (${sql.join(sourcesOf(query, range), sql` UNION ALL `)} ${end})`;
}

/**
 * Where to find the numbers of matching entries. Each source reads an index in the order of the numbers,
 * so that reading stops when there are enough. No entry is in two sources. The code chooses the index,
 * because SQLite has no statistics about the table.
 */
function sourcesOf(query: AuditFilter, range: NumberRange): RawBuilder<unknown>[] {
  const { by, target, command, status, eventId, item, text } = query;
  const entries = (index: string, ...conditions: RawBuilder<unknown>[]) => sql`
    SELECT candidate.id AS id FROM audit_log AS candidate ${sql.raw(index)}
    WHERE candidate.kind != 'outcome'
      AND candidate.id > ${range.after} AND candidate.id < ${range.before}
      AND ${conjunction([...conditions, ...conditionsOf(query), ...statusCondition(query)])}`;
  if (status === 'open') {
    return [openIntents(query, range)];
  }
  if (text !== undefined || (hasKey(status) && (by !== undefined || target !== undefined))) {
    return [found(query, range)];
  }
  if (eventId !== undefined) {
    return [
      entries('INDEXED BY audit_log_event', ...targetCondition(query), ...byCondition(query)),
    ];
  }
  if (item !== undefined) {
    return [entries('INDEXED BY audit_log_item', ...targetCondition(query), ...byCondition(query))];
  }
  if (target !== undefined) {
    return [
      entries(
        'INDEXED BY audit_log_target',
        sql`candidate.target = ${target}`,
        ...byCondition(query),
      ),
      ...(isRoom(target)
        ? [
            entries(
              'INDEXED BY audit_log_room',
              sql`${roomOf('candidate')} = ${target}`,
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
        ? entries('INDEXED BY audit_log_actor_command', asked)
        : status !== undefined
          ? outcomes('INDEXED BY audit_log_actor_status', asked, query, range)
          : entries('INDEXED BY audit_log_actor', asked),
      entries('INDEXED BY audit_log_confirmer', confirmed),
    ];
  }
  if (status !== undefined) {
    return [
      command === undefined
        ? outcomes('INDEXED BY audit_log_status', sql`true`, query, range)
        : outcomes(
            'INDEXED BY audit_log_command_status',
            sql`candidate.command = ${command}`,
            query,
            range,
          ),
    ];
  }
  return [command === undefined ? entries('NOT INDEXED') : entries('INDEXED BY audit_log_command')];
}

/** Entries without an outcome. There are few. */
function openIntents(query: AuditFilter, range: NumberRange): RawBuilder<unknown> {
  const contains = sql`EXISTS (
    SELECT 1 FROM audit_search WHERE audit_search MATCH ${searchFor(query)}
      AND audit_search.rowid = open.id
  )`;
  return sql`
    SELECT open.id AS id FROM open_intents AS open
    CROSS JOIN audit_log AS candidate ON candidate.id = open.id
    WHERE open.id > ${range.after} AND open.id < ${range.before}
      AND ${conjunction([
        ...targetCondition(query),
        ...conditionsOf(query),
        ...byCondition(query),
        ...(query.text === undefined ? [] : [contains]),
      ])}`;
}

/**
 * Entries with the words of a text. The index of words also knows who did what to whom and how it ended, so
 * that few candidates are looked at in vain. The entries of an operation have numbers that are close together.
 */
function found(query: AuditFilter, range: NumberRange): RawBuilder<unknown> {
  const { eventId } = query;
  const ofOperation = (bound: 'min' | 'max') => sql`coalesce((
    SELECT ${sql.raw(bound)}(id) FROM audit_log INDEXED BY audit_log_event
    WHERE event_id = ${eventId} AND kind != 'outcome'
  ), 0)`;
  return sql`
    SELECT search.rowid AS id FROM audit_search AS search
    CROSS JOIN audit_log AS candidate ON candidate.id = search.rowid
    WHERE search.audit_search MATCH ${searchFor(query)}
      AND search.rowid > ${range.after} AND search.rowid < ${range.before}
      AND ${conjunction([
        ...(eventId === undefined
          ? []
          : [sql`search.rowid BETWEEN ${ofOperation('min')} AND ${ofOperation('max')}`]),
        ...targetCondition(query),
        ...byCondition(query),
        ...conditionsOf(query),
        ...statusCondition(query),
      ])}`;
}

/** Whether the index of words knows which entries ended like this. Nearly all of them are done. */
function hasKey(status: string | undefined): status is string {
  return status !== undefined && status !== 'done' && status !== 'open' && status !== 'running';
}

/** An expression of FTS5 for all that the index of words knows. People’s words can’t be taken for operators. */
function searchFor(filter: AuditFilter): string {
  const { status, text } = filter;
  const isDone = status === 'done';
  const terms = (text === undefined ? [] : readSearchText(text)).map(({ words, isPrefix }) => {
    const spellings = spellingsOf(words).map((one) => `"${one}"${isPrefix ? ' *' : ''}`);
    return `words : (${spellings.join(' OR ')})`;
  });
  const keys = keysOf({ ...filter, status: hasKey(status) ? status : undefined });
  const all = [...terms, ...(keys === '' ? [] : [keys])].join(' AND ');
  return isDone ? `(${all}) NOT keys : isother` : all;
}

/** An expression of FTS5 for entries by who did what to whom, and how it ended unless that is `done`. */
export function keysOf({
  by,
  target,
  command,
  status,
}: Pick<AuditFilter, 'by' | 'command' | 'status' | 'target'>): string {
  return Object.entries({ by, on: target, of: command, is: status })
    .filter(([, value]) => value !== undefined)
    .map(([key, value = '']) => `keys : ${key}${Buffer.from(value).toString('hex')}`)
    .join(' AND ');
}

function isRoom(target: string): boolean {
  return target.startsWith('!');
}

/**
 * The room that an entry is about, besides its target: in which something was done to a user, or of an event.
 * The index `audit_log_room` has the same expression.
 */
export function roomOf(table: string): RawBuilder<string | null> {
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
  index: string,
  condition: RawBuilder<unknown>,
  { status, since, until }: AuditFilter,
  range: NumberRange,
): RawBuilder<unknown> {
  const id = sql`coalesce(candidate.intent_id, candidate.id)`;
  const at = sql`(SELECT at FROM audit_log AS intent WHERE intent.id = ${id})`;
  return sql`
    SELECT ${id} AS id FROM audit_log AS candidate ${sql.raw(index)}
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
function conditionsOf(query: AuditFilter): RawBuilder<unknown>[] {
  const { command, since, until, eventId, item } = query;
  return [
    ...(command === undefined ? [] : [sql`candidate.command = ${command}`]),
    ...(since === undefined ? [] : [sql`candidate.at >= ${since}`]),
    ...(until === undefined ? [] : [sql`candidate.at <= ${until}`]),
    ...(eventId === undefined ? [] : [sql`candidate.event_id = ${eventId}`]),
    ...(item === undefined ? [] : [sql`candidate.item_id = ${item}`]),
  ];
}

function targetCondition({ target }: AuditFilter): RawBuilder<unknown>[] {
  return target === undefined
    ? []
    : [
        isRoom(target)
          ? sql`(candidate.target = ${target} OR ${roomOf('candidate')} = ${target})`
          : sql`candidate.target = ${target}`,
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
 * clocks can be set back.
 */
export async function narrow(
  db: Connection,
  { since, until }: AuditFilter,
  range: NumberRange,
): Promise<NumberRange> {
  let { after, before } = range;
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
     * by them, but they stay in the file until then. Takes half a second for a million entries, in small steps.
     */
    async compact(): Promise<void> {
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
