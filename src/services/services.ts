import type { AdminApi } from '../admin-api/admin-api.ts';
import type { RoomId, UserId } from '../ids.ts';
import type { AuditEntry, AuditFilter, AuditQuery, Verification } from '../store/audit-log.ts';
import type { Confirmation } from '../store/confirmations.ts';
import type { Job } from '../store/jobs.ts';
import type { PostedHead } from '../store/posted-head.ts';
import type { Store } from '../store/store.ts';
import { accountsService } from './accounts.ts';
import type { AccountsService } from './accounts.ts';
import { exportWhole } from './audit-export.ts';
import type { ExportFormat, ExportPiece } from './audit-export.ts';
import type { BotOperations } from './bot.ts';
import { createDirectRooms } from './direct-rooms.ts';
import type { DirectRooms } from './direct-rooms.ts';
import { reportQueueService } from './report-queue.ts';
import type { ReportQueueService } from './report-queue.ts';
import { statisticsService } from './statistics.ts';
import type { StatisticsService } from './statistics.ts';
import { subjectHistoryService } from './subject-history.ts';
import type { SubjectHistoryService } from './subject-history.ts';

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
export type { StoredMedia, UserMedia } from '../admin-api/media.ts';
export { mediaOrders } from '../admin-api/media.ts';
export type { ItemStory, ReportQueueService } from './report-queue.ts';
export type { ReportedContent } from './reported-content.ts';
export type { ItemMark, ItemQuery, ItemState, ReportItem } from '../store/report-items.ts';
export type { RegistrationToken } from '../admin-api/registration-tokens.ts';
export type { RoomDetail, RoomSummary } from '../admin-api/rooms.ts';
export { roomOrders } from '../admin-api/rooms.ts';
export type { BackgroundUpdateStatus } from '../admin-api/server.ts';
export { mediaUsageOrders } from '../admin-api/statistics.ts';

/** What became of checking the audit log, and the newest head that was posted in the room. */
export interface Verified extends Verification {
  readonly posted: PostedHead | undefined;
}

/** All that a command can reach. */
export interface Services {
  /** The admin API, one call at a time. */
  readonly api: AdminApi;
  readonly accounts: AccountsService;
  /** The audit log, to read. */
  readonly audit: {
    get(id: number): Promise<AuditEntry | undefined>;
    search(query: AuditQuery): Promise<AuditEntry[]>;
    /** Goes along the chain, and compares it with the newest head that was posted in the room. */
    verify(): Promise<Verified>;
    /** @throws TargetError it is too large for a message */
    export(
      filter: AuditFilter,
      options: { readonly format: ExportFormat; readonly limit?: number | undefined },
    ): Promise<ExportPiece>;
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
  readonly reports: ReportQueueService;
  readonly statistics: StatisticsService;
  readonly history: SubjectHistoryService;
  readonly bot: BotOperations;
  readonly directRooms: DirectRooms;
}

export function createServices(parts: {
  api: AdminApi;
  store: Store;
  bot: BotOperations;
  /** An item of the report queue has changed. */
  wakeReports: () => void;
  botUser: UserId;
  managementRoom: RoomId;
}): Services {
  const { api, store, bot, wakeReports, botUser, managementRoom } = parts;
  return {
    api,
    accounts: accountsService(api),
    audit: {
      get: store.auditLog.get,
      search: store.auditLog.search,
      async verify() {
        const posted = await store.postedHead.get();
        return { ...(await store.auditLog.verify(posted)), posted };
      },
      export: async (filter, options) => exportWhole(store.auditLog, filter, options),
    },
    jobs: {
      waiting: async () => store.jobs.waiting(),
      get: store.jobs.get,
      stop: async (id, at) => store.jobs.end(id, 'stopped', at),
    },
    confirmations: { pending: async () => store.confirmations.pending() },
    reports: reportQueueService(store, wakeReports),
    statistics: statisticsService(store),
    history: subjectHistoryService(store),
    bot,
    directRooms: createDirectRooms(api, { botUser, managementRoom }),
  };
}
