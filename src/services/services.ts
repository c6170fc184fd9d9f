import type { AdminApi } from '../admin-api/admin-api.ts';
import type { AuditEntry, AuditQuery } from '../store/audit-log.ts';
import type { Confirmation } from '../store/confirmations.ts';
import type { Store } from '../store/store.ts';
import { accountsService } from './accounts.ts';
import type { AccountsService } from './accounts.ts';
import type { BotOperations } from './bot.ts';

export type { UserDetail as Account, UserSummary } from '../admin-api/users.ts';
export type { Footprint } from './accounts.ts';
export type { BotStatus, Settled, Whisper } from './bot.ts';
export type { AuditEntry, AuditQuery } from '../store/audit-log.ts';
export type { Confirmation } from '../store/confirmations.ts';
export { userOrders } from '../admin-api/users.ts';

/** All that a command can reach. */
export interface Services {
  /** The admin API, one call at a time. */
  readonly api: AdminApi;
  readonly accounts: AccountsService;
  /** The audit log, to read. */
  readonly audit: {
    get(id: number): Promise<AuditEntry | undefined>;
    search(query: AuditQuery): Promise<AuditEntry[]>;
  };
  readonly confirmations: {
    pending(): Promise<Confirmation[]>;
  };
  readonly bot: BotOperations;
}

export function createServices(parts: {
  api: AdminApi;
  store: Store;
  bot: BotOperations;
}): Services {
  const { api, store, bot } = parts;
  return {
    api,
    accounts: accountsService(api),
    audit: { get: store.auditLog.get, search: store.auditLog.search },
    confirmations: { pending: async () => store.confirmations.pending() },
    bot,
  };
}
