import type { Store } from '../../store/store.ts';
import type { Anchor } from '../../store/tables/anchor.ts';
import type { Verification } from '../../store/tables/audit-log.ts';
import type { AuditFilter } from '../../store/tables/audit-search.ts';
import { exportWhole } from './audit-export.ts';
import type { ExportFormat, ExportPiece } from './audit-export.ts';

/** The result of checking the audit log, and the latest head that was posted in the room. */
export interface Verified extends Verification {
  readonly posted: Anchor | undefined;
}

/** The audit log, read-only. */
export function createAuditService({ auditLog, anchor }: Pick<Store, 'anchor' | 'auditLog'>) {
  return {
    get: auditLog.get,
    search: auditLog.search,

    /** Checks the hash chain, and compares it with the latest head that was posted in the room. */
    async verify(): Promise<Verified> {
      const posted = await anchor.get();
      return { ...(await auditLog.verify(posted)), posted };
    },

    /** @throws TargetError the export is too large for a message */
    export: async (
      filter: AuditFilter,
      options: { readonly format: ExportFormat; readonly limit?: number | undefined },
    ): Promise<ExportPiece> => exportWhole(auditLog, filter, options),
  };
}

export type AuditService = ReturnType<typeof createAuditService>;
