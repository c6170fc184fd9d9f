import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { dayMs } from '../../core/duration.ts';
import type { Connection } from '../database.ts';

/** What an entry must match; all of it. */
export interface AuditFilter {
  readonly by?: string | undefined;
  readonly target?: string | undefined;
  readonly command?: string | undefined;
  readonly status?: string | undefined;
  /** Milliseconds since 1970. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly eventId?: string | undefined;
  /** An item of the report queue. */
  readonly item?: number | undefined;
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
  const { by, target, command, status, eventId, item } = query;
  const entries = (index: string, ...more: RawBuilder<unknown>[]) => sql`
    SELECT candidate.id AS id FROM audit_log AS candidate ${sql.raw(index)}
    WHERE candidate.kind != 'outcome'
      AND candidate.id > ${range.after} AND candidate.id < ${range.before}
      AND ${conjunction([...more, ...conditionsOf(query), ...statusCondition(query)])}`;
  if (status === 'open') {
    return [
      sql`
        SELECT candidate.id AS id FROM open_intents AS open
        CROSS JOIN audit_log AS candidate ON candidate.id = open.id
        WHERE open.id > ${range.after} AND open.id < ${range.before}
          AND ${conjunction([...conditionsOf(query), ...byCondition(query)])}`,
    ];
  }
  if (eventId !== undefined) {
    return [entries('INDEXED BY audit_log_event', ...byCondition(query))];
  }
  if (item !== undefined) {
    return [entries('INDEXED BY audit_log_item', ...byCondition(query))];
  }
  if (target !== undefined) {
    return [entries('INDEXED BY audit_log_target', ...byCondition(query))];
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

/** All that a filter says about the entry itself, except who. */
function conditionsOf(query: AuditFilter): RawBuilder<unknown>[] {
  const { target, command, since, until, eventId, item } = query;
  return [
    ...(target === undefined ? [] : [sql`candidate.target = ${target}`]),
    ...(command === undefined ? [] : [sql`candidate.command = ${command}`]),
    ...(since === undefined ? [] : [sql`candidate.at >= ${since}`]),
    ...(until === undefined ? [] : [sql`candidate.at <= ${until}`]),
    ...(eventId === undefined ? [] : [sql`candidate.event_id = ${eventId}`]),
    ...(item === undefined ? [] : [sql`candidate.item_id = ${item}`]),
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
