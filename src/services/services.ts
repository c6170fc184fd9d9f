import type { AdminApi } from '../admin-api/admin-api.ts';
import type { AuditEntry, AuditQuery, Verification } from '../store/audit-log.ts';
import type { Confirmation } from '../store/confirmations.ts';
import type { Job } from '../store/jobs.ts';
import type { Store } from '../store/store.ts';
import { accountsService } from './accounts.ts';
import type { AccountsService } from './accounts.ts';
import type { BotOperations } from './bot.ts';

export type { Device } from '../admin-api/devices.ts';
export type { Ratelimit } from '../admin-api/user-ratelimit.ts';
export type { UserDetail as Account, UserSummary } from '../admin-api/users.ts';
export type { Footprint } from './accounts.ts';
export type { BotStatus, Settled, Whisper } from './bot.ts';
export type { AuditEntry, AuditQuery, Verification } from '../store/audit-log.ts';
export type { Job } from '../store/jobs.ts';
export type { Confirmation } from '../store/confirmations.ts';
export { userOrders } from '../admin-api/users.ts';
export type { Destination } from '../admin-api/federation.ts';
export { destinationOrders } from '../admin-api/federation.ts';
export type { UserMedia } from '../admin-api/media.ts';
export { mediaOrders } from '../admin-api/media.ts';
export type { RegistrationToken } from '../admin-api/registration-tokens.ts';
export type { RoomDetail, RoomSummary } from '../admin-api/rooms.ts';
export { roomOrders } from '../admin-api/rooms.ts';
export type { BackgroundUpdateStatus } from '../admin-api/server.ts';
export { mediaUsageOrders } from '../admin-api/statistics.ts';

/** All that a command can reach. */
export interface Services {
  /** The admin API, one call at a time. */
  readonly api: AdminApi;
  readonly accounts: AccountsService;
  /** The audit log, to read. */
  readonly audit: {
    get(id: number): Promise<AuditEntry | undefined>;
    search(query: AuditQuery): Promise<AuditEntry[]>;
    verify(): Promise<Verification>;
  };
  /** Timed reversals. */
  readonly jobs: {
    waiting(): Promise<Job[]>;
    get(id: number): Promise<Job | undefined>;
    /** False where it has ended before. */
    stop(id: number, at: number): Promise<boolean>;
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
    audit: {
      get: store.auditLog.get,
      search: store.auditLog.search,
      verify: store.auditLog.verify,
    },
    jobs: {
      waiting: async () => store.jobs.waiting(),
      get: store.jobs.get,
      stop: async (id, at) => store.jobs.end(id, 'stopped', at),
    },
    confirmations: { pending: async () => store.confirmations.pending() },
    bot,
  };
}
