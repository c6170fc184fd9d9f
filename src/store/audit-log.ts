import { createHash } from 'node:crypto';

import { sql } from 'kysely';
import type { Selectable } from 'kysely';

import type { Connection } from './database.ts';
import type { AuditLogTable } from './tables.ts';

/** What is about to be done, by whom, to whom. */
export interface Intent {
  readonly actor: string;
  readonly confirmer?: string | null | undefined;
  readonly command: string;
  /** Without those that must not be kept. */
  readonly arguments: unknown;
  readonly target?: string | null | undefined;
  readonly reason?: string | null | undefined;
  readonly eventId: string;
  readonly roomId: string;
  /** The item of the report queue that it belongs to. */
  readonly itemId?: number | null | undefined;
}

/** An intent and what became of it. `status` is `open` until there is an outcome. */
export interface AuditEntry {
  readonly id: number;
  readonly at: number;
  readonly actor: string;
  readonly confirmer: string | null;
  readonly command: string;
  readonly arguments: unknown;
  readonly target: string | null;
  readonly reason: string | null;
  readonly eventId: string;
  readonly roomId: string;
  readonly itemId: number | null;
  readonly status: string;
  readonly endedAt: number | null;
  readonly detail: unknown;
}

export interface AuditQuery {
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
  readonly limit: number;
  /** Only entries with smaller numbers: where the page before ended. */
  readonly before?: number | undefined;
}

/** What going along the chain has found. */
export interface Verification {
  /** Rows that are in order: intents, outcomes and refusals. */
  readonly count: number;
  /** The hash of the last of them. */
  readonly head: string;
  readonly fault: { readonly id: number; readonly kind: 'changed' | 'missing' } | undefined;
}

type Row = Selectable<AuditLogTable>;
type NewRow = Omit<Row, 'id' | 'previous_hash' | 'hash'>;

/** Rows in memory at once. */
const verifiedAtOnce = 1000;

const genesis = '0'.repeat(64);

/** The SHA-256 over the hash before and every field of the row, in a fixed order. */
export function chainHash(previousHash: string, row: NewRow): string {
  const fields = [
    row.kind,
    row.intent_id,
    row.at,
    row.actor,
    row.confirmer,
    row.command,
    row.arguments,
    row.target,
    row.reason,
    row.event_id,
    row.room_id,
    row.status,
    row.detail,
    ...(row.item_id === null ? [] : [row.item_id]),
  ];
  return createHash('sha256').update(previousHash).update(JSON.stringify(fields)).digest('hex');
}

async function append(db: Connection, row: NewRow): Promise<number> {
  const last = await db
    .selectFrom('audit_log')
    .select('hash')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  const previousHash = last?.hash ?? genesis;
  const inserted = await db
    .insertInto('audit_log')
    .values({ ...row, previous_hash: previousHash, hash: chainHash(previousHash, row) })
    .returning('id')
    .executeTakeFirstOrThrow();
  return inserted.id;
}

function rowOf(
  intent: Intent,
  at: number,
): Omit<NewRow, 'kind' | 'intent_id' | 'status' | 'detail'> {
  return {
    at,
    actor: intent.actor,
    confirmer: intent.confirmer ?? null,
    command: intent.command,
    arguments: JSON.stringify(intent.arguments),
    // UTF-8 has no half surrogate pairs: the hash must be over what can be read back.
    target: intent.target?.toWellFormed() ?? null,
    reason: intent.reason?.toWellFormed() ?? null,
    event_id: intent.eventId,
    room_id: intent.roomId,
    item_id: intent.itemId ?? null,
  };
}

/** The audit log: appended to inside a transaction, never changed. */
export function auditLog(db: Connection) {
  /** Intents and refusals, each with its latest outcome. */
  const entries = () =>
    db
      .selectFrom('audit_log as entry')
      .leftJoin('audit_log as outcome', (join) =>
        join.on('outcome.id', '=', (expression) =>
          expression
            .selectFrom('audit_log as candidate')
            .select(({ fn }) => fn.max('candidate.id').as('id'))
            .whereRef('candidate.intent_id', '=', 'entry.id'),
        ),
      )
      .where('entry.kind', '!=', 'outcome')
      .select([
        'entry.id',
        'entry.at',
        'entry.actor',
        'entry.confirmer',
        'entry.command',
        'entry.arguments',
        'entry.target',
        'entry.reason',
        'entry.event_id as eventId',
        'entry.room_id as roomId',
        'entry.item_id as itemId',
        sql<string>`coalesce(outcome.status, entry.status, 'open')`.as('status'),
        'outcome.at as endedAt',
        sql<string | null>`coalesce(outcome.detail, entry.detail)`.as('detail'),
      ]);

  type Found = Awaited<ReturnType<ReturnType<typeof entries>['execute']>>[number];
  const entryOf = (found: Found): AuditEntry => ({
    ...found,
    arguments: JSON.parse(found.arguments) as unknown,
    detail: found.detail === null ? null : (JSON.parse(found.detail) as unknown),
  });

  return {
    /** Records what is about to be done; returns the entry's number. Commit before the call. */
    async begin(intent: Intent, at: number): Promise<number> {
      return append(db, {
        ...rowOf(intent, at),
        kind: 'intent',
        intent_id: null,
        status: null,
        detail: null,
      });
    },

    /** Records what became of it. A later outcome supersedes an `unknown` one. */
    async finish(
      intentId: number,
      outcome: { status: string; detail?: unknown },
      at: number,
    ): Promise<void> {
      const intent = await db
        .selectFrom('audit_log')
        .selectAll()
        .where('id', '=', intentId)
        .where('kind', '=', 'intent')
        .executeTakeFirstOrThrow();
      const { id, hash: _hash, previous_hash: _previousHash, ...row } = intent;
      await append(db, {
        ...row,
        kind: 'outcome',
        intent_id: id,
        at,
        status: outcome.status,
        detail: outcome.detail === undefined ? null : JSON.stringify(outcome.detail),
      });
    },

    /** Records what was asked and not allowed. */
    async refuse(
      intent: Intent,
      outcome: { status: string; detail?: unknown },
      at: number,
    ): Promise<number> {
      return append(db, {
        ...rowOf(intent, at),
        kind: 'refusal',
        intent_id: null,
        status: outcome.status,
        detail: outcome.detail === undefined ? null : JSON.stringify(outcome.detail),
      });
    },

    async get(id: number): Promise<AuditEntry | undefined> {
      const found = await entries().where('entry.id', '=', id).executeTakeFirst();
      return found === undefined ? undefined : entryOf(found);
    },

    /**
     * Goes along the whole chain. Finds a changed, missing, added or swapped entry; entries cut off at
     * the end are missed only by comparing `head` with one that was noted elsewhere.
     */
    async verify(): Promise<Verification> {
      let previousHash = genesis;
      let count = 0;
      let lastId = 0;
      for (;;) {
        const rows = await db
          .selectFrom('audit_log')
          .selectAll()
          .where('id', '>', lastId)
          .orderBy('id')
          .limit(verifiedAtOnce)
          .execute();
        for (const { id, hash, previous_hash: linked, ...row } of rows) {
          if (id !== lastId + 1) {
            return { count, head: previousHash, fault: { id: lastId + 1, kind: 'missing' } };
          }
          if (linked !== previousHash || chainHash(linked, row) !== hash) {
            return { count, head: previousHash, fault: { id, kind: 'changed' } };
          }
          previousHash = hash;
          lastId = id;
          count += 1;
        }
        if (rows.length < verifiedAtOnce) {
          return { count, head: previousHash, fault: undefined };
        }
      }
    },

    /** How many intents of rules were committed since then. */
    async countByRules(since: number): Promise<number> {
      const { count } = await db
        .selectFrom('audit_log')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('kind', '=', 'intent')
        // `;` is the character behind `:`.
        .where('actor', '>=', 'rule:')
        .where('actor', '<', 'rule;')
        .where('at', '>', since)
        .executeTakeFirstOrThrow();
      return count;
    },

    /** Newest first. */
    async search(query: AuditQuery): Promise<AuditEntry[]> {
      let matching = entries().orderBy('entry.id', 'desc').limit(query.limit);
      const { by, target, command, status, since, until, eventId, item, before } = query;
      if (by !== undefined) {
        matching = matching.where((expression) =>
          expression.or([
            expression('entry.actor', '=', by),
            expression('entry.confirmer', '=', by),
          ]),
        );
      }
      if (target !== undefined) {
        matching = matching.where('entry.target', '=', target);
      }
      if (command !== undefined) {
        matching = matching.where('entry.command', '=', command);
      }
      if (status !== undefined) {
        matching = matching.where(
          sql<boolean>`coalesce(outcome.status, entry.status, 'open') = ${status}`,
        );
      }
      if (since !== undefined) {
        matching = matching.where('entry.at', '>=', since);
      }
      if (until !== undefined) {
        matching = matching.where('entry.at', '<=', until);
      }
      if (eventId !== undefined) {
        matching = matching.where('entry.event_id', '=', eventId);
      }
      if (item !== undefined) {
        matching = matching.where('entry.item_id', '=', item);
      }
      if (before !== undefined) {
        matching = matching.where('entry.id', '<', before);
      }
      return (await matching.execute()).map(entryOf);
    },
  };
}

export type AuditLog = ReturnType<typeof auditLog>;
