import { setImmediate as nextTurn } from 'node:timers/promises';

import { sql } from 'kysely';

import { isOneOf, storableJson, storableText } from '../../dialect.ts';
import { runPrepared } from '../../prepared.ts';
import type { AuditLogTable, Connection } from '../../schema.ts';
import {
  chained,
  createChainCheck,
  genesis,
  hasForgottenField,
  isForgetOutcome,
} from './audit-chain.ts';
import type { AuditRow, ChainCheck, UnchainedRow } from './audit-chain.ts';
import { endOfNumbers, narrow, numbersOf, readFilter } from './audit-search.ts';
import type { AuditFilter } from './audit-search.ts';
import { hasTarget } from './audit-target.ts';
import { newestNumbers } from './newest-entries.ts';
import { previousHashAfterOldRows } from './old-audit-rows.ts';

/** What is going to be done, by whom and to whom. */
export interface Intent {
  readonly actor: string;
  readonly confirmer?: string | null | undefined;
  readonly command: string;
  /** Without secrets. */
  readonly arguments: unknown;
  readonly target?: string | null | undefined;
  readonly reason?: string | null | undefined;
  readonly eventId: string;
  readonly roomId: string;
  /** The item of the report queue that it belongs to. */
  readonly itemId?: number | null | undefined;
}

/** An intent and its outcome. `status` is `open` until there is one. */
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

/** The step that an entry is about, of a command that does several things to each account. */
export function stepOf({ arguments: given }: Pick<AuditEntry, 'arguments'>): string | undefined {
  return typeof given === 'object' && given !== null && 'step' in given
    ? String(given.step)
    : undefined;
}

export interface AuditQuery extends AuditFilter {
  readonly limit: number;
  /** Only entries with smaller numbers: the last one of the previous page. */
  readonly before?: number | undefined;
}

/** A row of the hash chain. An entry has one when it is written, and one for each outcome. */
export interface ChainRow {
  readonly id: number;
  readonly kind: AuditLogTable['kind'];
  readonly at: number;
  readonly status: string | null;
  readonly previousHash: string;
  readonly hash: string;
}

/** The end of the hash chain: how many rows it has, and the hash of the last one. */
export interface ChainEnd {
  /** Intents, outcomes and refusals. */
  readonly count: number;
  readonly head: string;
}

/** The result of a verification: `count` and `head` are of the rows that are intact. */
export interface Verification extends ChainEnd {
  /** `replaced`: the row is valid, but another one than before. */
  readonly fault:
    | { readonly id: number; readonly kind: 'changed' | 'missing' | 'replaced' }
    | undefined;
}

/** Few enough rows that others wait only a few milliseconds. */
const verifiedAtOnce = 200;

/** Appends rows to the chain: one such function for each transaction, which reads the end of the chain once. */
function appendingTo(db: Connection) {
  let previousHash: string | undefined;
  return async (row: UnchainedRow): Promise<number> => {
    const next = chained(previousHash ?? (await previousHashIn(db)), storable(row));
    const [added] = await runPrepared(db, 'append to audit_log', next, (values) =>
      db.insertInto('audit_log').values(values).returning('id'),
    );
    previousHash = next.hash;
    return (added as { readonly id: number }).id;
  };
}

/** The previous hash of the next row. */
async function previousHashIn(db: Connection): Promise<string> {
  const [last] = await runPrepared(db, 'last hash of audit_log', {}, () =>
    db.selectFrom('audit_log').select(['hash', 'form']).orderBy('id', 'desc').limit(1),
  );
  return last?.form === 1 ? previousHashAfterOldRows(db, last.hash) : (last?.hash ?? genesis);
}

/** The hash must match what is read back. */
function storable(row: UnchainedRow): UnchainedRow {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      typeof value === 'string' ? storableText(value) : value,
    ]),
  ) as UnchainedRow;
}

function rowOf(
  intent: Intent,
  at: number,
): Omit<UnchainedRow, 'kind' | 'intent_id' | 'status' | 'detail'> {
  return {
    at,
    actor: intent.actor,
    confirmer: intent.confirmer ?? null,
    command: intent.command,
    arguments: storableJson(intent.arguments),
    target: intent.target ?? null,
    reason: intent.reason ?? null,
    event_id: intent.eventId,
    room_id: intent.roomId,
    item_id: intent.itemId ?? null,
  };
}

/** If somebody has changed the text, it is shown as it is. `verify` finds the change. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return { unreadable: text };
  }
}

/** The audit log. Rows are only ever appended, inside a transaction. */
export function auditLog(db: Connection) {
  const append = appendingTo(db);
  /** Intents and refusals, with their latest outcomes. */
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
      .where(sql<boolean>`entry.kind != 'outcome'`)
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
    arguments: readJson(found.arguments),
    detail: found.detail === null ? null : readJson(found.detail),
  });

  const rowsAfter = async (id: number): Promise<AuditRow[]> =>
    db
      .selectFrom('audit_log')
      .selectAll()
      .where('id', '>', id)
      .orderBy('id')
      .limit(verifiedAtOnce)
      .execute();

  /**
   * The first row that is changed, once one doesn't match its hash. It can be an earlier one of which something was
   * forgotten, unless a row up to the end of the log vouches for that.
   */
  async function firstChanged(
    check: ChainCheck,
    broken: AuditRow,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    // It may have vouched for others before it was changed.
    if (isForgetOutcome(broken)) {
      return broken.id;
    }
    let after = broken.id;
    while (check.firstUnproven() !== undefined) {
      const rows = await rowsAfter(after);
      rows.forEach((row) => check.afterBreak(row));
      if (rows.length < verifiedAtOnce) {
        break;
      }
      after = rows.at(-1)?.id ?? after;
      await nextTurn();
      signal?.throwIfAborted();
    }
    return check.firstUnproven() ?? broken.id;
  }

  return {
    /** Records what is going to be done. Returns the entry's number. Commit this before the call. */
    async begin(intent: Intent, at: number): Promise<number> {
      return append({
        ...rowOf(intent, at),
        kind: 'intent',
        intent_id: null,
        status: null,
        detail: null,
      });
    },

    /** Records an outcome. A later outcome replaces an `unknown` one. */
    async finish(
      intentId: number,
      outcome: { status: string; detail?: unknown },
      at: number,
    ): Promise<void> {
      const [intent] = await runPrepared(db, 'intent in audit_log', { id: intentId }, ({ id }) =>
        db
          .selectFrom('audit_log')
          .select(['actor', 'confirmer', 'command', 'target', 'event_id', 'room_id', 'item_id'])
          .where('id', '=', id)
          .where('kind', '=', 'intent'),
      );
      if (intent === undefined) {
        throw new TypeError(`audit entry ${intentId} is not there`);
      }
      await append({
        ...intent,
        // The intent has them.
        arguments: '{}',
        reason: null,
        kind: 'outcome',
        intent_id: intentId,
        at,
        status: outcome.status,
        detail: outcome.detail === undefined ? null : storableJson(outcome.detail),
      });
    },

    /** Records something that was requested and not allowed. */
    async refuse(
      intent: Intent,
      outcome: { status: string; detail?: unknown },
      at: number,
    ): Promise<number> {
      return append({
        ...rowOf(intent, at),
        kind: 'refusal',
        intent_id: null,
        status: outcome.status,
        detail: outcome.detail === undefined ? null : storableJson(outcome.detail),
      });
    },

    async get(id: number): Promise<AuditEntry | undefined> {
      const found = await entries().where('entry.id', '=', id).executeTakeFirst();
      return found === undefined ? undefined : entryOf(found);
    },

    /** Whether an entry had a reason that was forgotten. */
    async hasForgottenReason(id: number): Promise<boolean> {
      const row = await db
        .selectFrom('audit_log')
        .select('salts')
        .where('id', '=', id)
        .executeTakeFirst();
      return row !== undefined && hasForgottenField(row, 'reason');
    },

    /** The number of the entry whose outcome this row is; undefined if the row is not an outcome. */
    async intentOf(id: number): Promise<number | undefined> {
      const row = await db
        .selectFrom('audit_log')
        .select('intent_id as intent')
        .where('id', '=', id)
        .executeTakeFirst();
      return row?.intent ?? undefined;
    },

    /** The rows of an entry in the chain: itself, and its outcomes. */
    async rowsOf(id: number): Promise<ChainRow[]> {
      return db
        .selectFrom('audit_log')
        .select(['id', 'kind', 'at', 'status', 'previous_hash as previousHash', 'hash'])
        .where((row) => row.or([row('id', '=', id), row('intent_id', '=', id)]))
        .orderBy('id')
        .execute();
    },

    /** The end of the chain; undefined if it has no rows. */
    async end(): Promise<ChainEnd | undefined> {
      const last = await db
        .selectFrom('audit_log')
        .select(['id', 'hash'])
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst();
      return last && { count: last.id, head: last.hash };
    },

    /** The hash of one row. */
    async hashOf(id: number): Promise<string | undefined> {
      const row = await db
        .selectFrom('audit_log')
        .select('hash')
        .where('id', '=', id)
        .executeTakeFirst();
      return row?.hash;
    },

    /** When a row was written, in milliseconds since 1970. */
    async timeOf(id: number): Promise<number | undefined> {
      const row = await db
        .selectFrom('audit_log')
        .select('at')
        .where('id', '=', id)
        .executeTakeFirst();
      return row?.at;
    },

    /**
     * Verifies the whole chain. Finds changed, missing, added and swapped entries. Entries that were cut
     * off at the end, and a chain that was rewritten, are only found by comparing with anchors.
     */
    async verify(anchors: readonly ChainEnd[] = [], signal?: AbortSignal): Promise<Verification> {
      const expected = Map.groupBy(anchors, (anchor) => anchor.count);
      const furthest = anchors.reduce((most, anchor) => Math.max(most, anchor.count), 0);
      const check = createChainCheck();
      let count = 0;
      let head = genesis;
      const result = (fault?: Verification['fault']) => ({ count, head, fault });
      for (;;) {
        const rows = await rowsAfter(count);
        for (const row of rows) {
          const { id, hash } = row;
          if (id !== count + 1) {
            return result({ id: count + 1, kind: 'missing' });
          }
          if (!check.next(row)) {
            return result({ id: await firstChanged(check, row, signal), kind: 'changed' });
          }
          if (expected.get(id)?.some((anchor) => anchor.head !== hash) === true) {
            return result({ id, kind: 'replaced' });
          }
          count += 1;
          head = hash;
        }
        if (rows.length < verifiedAtOnce) {
          const unproven = check.firstUnproven();
          if (unproven !== undefined) {
            return result({ id: unproven, kind: 'changed' });
          }
          return result(count < furthest ? { id: count + 1, kind: 'missing' } : undefined);
        }
        // Other work must not wait for a long log.
        await nextTurn();
        signal?.throwIfAborted();
      }
    },

    /**
     * How many actions rules have started since then.
     *
     * @param uncounted the names of the commands that don't count
     */
    async countByRules(since: number, uncounted: readonly string[]): Promise<number> {
      const { count } = await db
        .selectFrom('audit_log')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where(sql<boolean>`kind = 'intent'`)
        // `;` is the character after `:`.
        .where('actor', '>=', 'rule:')
        .where('actor', '<', 'rule;')
        .where('at', '>', since)
        .where('command', 'not in', uncounted)
        .executeTakeFirstOrThrow();
      return count;
    },

    /** Newest first. */
    async search({ before = endOfNumbers, limit, ...query }: AuditQuery): Promise<AuditEntry[]> {
      const range = await narrow(db, query, { after: 0, before });
      const numbers = await newestNumbers(db, query, range, limit);
      const found = await entries()
        .where(isOneOf(db, sql`entry.id`, numbers))
        .orderBy('entry.id', 'desc')
        .execute();
      return found.map(entryOf);
    },

    /** What came after an entry, of each of these targets, the newest first. */
    async sinceOf(targets: readonly string[], after: number): Promise<AuditEntry[]> {
      const numbers = await db
        .selectFrom('audit_log')
        .select('id')
        // These are the conditions of the index.
        .where(sql<boolean>`kind != 'outcome' AND target IS NOT NULL`)
        .where(hasTarget(db, targets))
        .where('id', '>', after)
        .execute();
      const found = await entries()
        .where(
          isOneOf(
            db,
            sql`entry.id`,
            numbers.map(({ id }) => id),
          ),
        )
        .orderBy('entry.id', 'desc')
        .execute();
      return found.map(entryOf);
    },

    /** Oldest first, after an entry: to read everything, piece by piece. */
    async inOrder(query: AuditFilter, after: number, limit: number): Promise<AuditEntry[]> {
      const range = await narrow(db, query, { after, before: endOfNumbers });
      const found = await entries()
        .where(
          sql<boolean>`entry.id IN (${numbersOf(db, readFilter(db, query), range, 'ASC', limit)})`,
        )
        .orderBy('entry.id')
        .execute();
      return found.map(entryOf);
    },
  };
}

export type AuditLog = ReturnType<typeof auditLog>;
