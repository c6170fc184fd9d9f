import { TargetError } from '../../core/errors.ts';
import type { Store } from '../../store/store.ts';
import type { Anchor } from '../../store/tables/audit/anchor.ts';
import type { AuditEntry, ChainRow } from '../../store/tables/audit/audit-log.ts';
import type { AuditFilter } from '../../store/tables/audit/audit-search.ts';
import { isLostNumber } from '../../store/tables/data-loss.ts';
import type { FormerWitness, Witness } from '../../store/witness.ts';
import { exportWhole } from './audit-export.ts';
import type { ExportFormat, ExportPiece } from './audit-export.ts';
import { verifyRecord } from './verify-record.ts';
import type { Verified } from './verify-record.ts';

/** Where an entry stands in the hash chain. */
export interface ChainPosition {
  /** Its own row, and one for each outcome. */
  readonly rows: readonly ChainRow[];
  /** How many rows the whole chain has. */
  readonly length: number;
  /** The head that was last written outside of the database, by the bot's own account of it. */
  readonly anchor: Anchor | undefined;
}

/** Which entries people ask for. */
export interface AuditQuery extends Omit<AuditFilter, 'eventId'> {
  /** The number of an operation, which may have an entry for each of its targets. */
  readonly operation?: number | undefined;
}

/**
 * The audit log, read-only.
 *
 * @param witnesses what it is compared with
 * @param formerWitnesses where heads were written before
 * @param anchorEveryMs how long a row waits for a head that covers it
 */
export function createAuditService(
  store: Pick<Store, 'anchor' | 'auditLog' | 'dataLoss' | 'operations'>,
  {
    witnesses,
    formerWitnesses,
    anchorEveryMs,
  }: {
    readonly witnesses: readonly Witness[];
    readonly formerWitnesses: () => Promise<readonly FormerWitness[]>;
    readonly anchorEveryMs: number;
  },
) {
  const { anchor, auditLog, dataLoss, operations } = store;
  let verifying: Promise<Verified> | undefined;
  const verifyNow = async () =>
    verifyRecord(store, witnesses, {
      former: await formerWitnesses(),
      now: Date.now(),
      anchorEveryMs,
    });
  return {
    get: auditLog.get,
    hasForgottenReason: auditLog.hasForgottenReason,
    intentOf: auditLog.intentOf,

    /** Whether an entry with this number was lost with a database. A newer entry may have the number now. */
    isLost: async (id: number): Promise<boolean> => isLostNumber(await dataLoss.get(), id),

    /**
     * The newest entries that match.
     *
     * @throws TargetError there is no such operation
     */
    search: async ({
      limit,
      before,
      ...query
    }: AuditQuery & {
      readonly limit: number;
      readonly before?: number | undefined;
    }): Promise<AuditEntry[]> =>
      auditLog.search({ ...(await filterOf(operations, query)), limit, before }),

    /** The number of the operation that an entry belongs to; undefined for older ones and refusals. */
    operationOf: async ({ eventId }: Pick<AuditEntry, 'eventId'>): Promise<number | undefined> =>
      (await operations.byEvent(eventId))?.id,

    /** Whether there is an operation with this number. */
    isOperation: async (id: number): Promise<boolean> => (await operations.get(id)) !== undefined,

    /**
     * Checks the hash chain, and compares it with the heads that its witnesses show. Who asks while that runs
     * gets the same result: it takes a while on a long log.
     */
    async verify(): Promise<Verified> {
      verifying ??= verifyNow().finally(() => {
        verifying = undefined;
      });
      return verifying;
    },

    /** Where an entry stands in the hash chain. */
    async chainOf(id: number): Promise<ChainPosition> {
      const [rows, end, latest] = await Promise.all([
        auditLog.rowsOf(id),
        auditLog.end(),
        anchor.newest(),
      ]);
      return { rows, length: end?.count ?? 0, anchor: latest };
    },

    /** @throws TargetError there is no such operation, or the export is too large for a message */
    export: async (
      query: AuditQuery,
      options: { readonly format: ExportFormat; readonly limit?: number | undefined },
    ): Promise<ExportPiece> => exportWhole(auditLog, await filterOf(operations, query), options),
  };
}

/**
 * The filter of the audit log for a query.
 *
 * @throws TargetError there is no such operation
 */
export async function filterOf(
  operations: Pick<Store['operations'], 'get'>,
  { operation: id, ...filter }: AuditQuery,
): Promise<AuditFilter> {
  if (id === undefined) {
    return filter;
  }
  const operation = await operations.get(id);
  if (operation === undefined) {
    throw new TargetError('unknown', `there is no operation ${id}`);
  }
  return { ...filter, eventId: operation.eventId };
}

export type AuditService = ReturnType<typeof createAuditService>;
