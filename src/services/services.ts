import type { RoomId, UserId } from '../core/ids.ts';
import type { AdminApi } from '../homeserver/admin/admin-api.ts';
import type { Store } from '../store/store.ts';
import type { Anchor } from '../store/tables/anchor.ts';
import type {
  AuditEntry,
  AuditFilter,
  AuditQuery,
  Verification,
} from '../store/tables/audit-log.ts';
import type { Confirmation } from '../store/tables/confirmations.ts';
import type { Job } from '../store/tables/jobs.ts';
import { createAccountService } from './accounts/account-service.ts';
import type { AccountService } from './accounts/account-service.ts';
import { exportWhole } from './bot/audit-export.ts';
import type { ExportFormat, ExportPiece } from './bot/audit-export.ts';
import type { BotOperations } from './bot/bot.ts';
import { statisticsService } from './bot/statistics.ts';
import type { StatisticsService } from './bot/statistics.ts';
import { subjectHistoryService } from './bot/subject-history.ts';
import type { SubjectHistoryService } from './bot/subject-history.ts';
import { createDeviceService } from './devices/device-service.ts';
import type { DeviceService } from './devices/device-service.ts';
import { createMediaService } from './media/media-service.ts';
import type { MediaService } from './media/media-service.ts';
import { createRedactionService } from './redaction/redaction-service.ts';
import type { RedactionService } from './redaction/redaction-service.ts';
import { reportQueueService } from './reports/report-queue.ts';
import type { ReportQueueService } from './reports/report-queue.ts';
import { createDirectRooms } from './rooms/direct-rooms.ts';
import type { DirectRooms } from './rooms/direct-rooms.ts';
import { createRoomService } from './rooms/room-service.ts';
import type { RoomService } from './rooms/room-service.ts';
import { createRegistrationTokenService } from './server/registration-token-service.ts';
import type { RegistrationTokenService } from './server/registration-token-service.ts';
import { createServerService } from './server/server-service.ts';
import type { ServerService } from './server/server-service.ts';

export type { Device } from '../homeserver/admin/devices.ts';
export type { Ratelimit } from '../homeserver/admin/user-ratelimit.ts';
export type { UserDetail as Account, UserSummary } from '../homeserver/admin/users.ts';
export type { Footprint } from './accounts/account-service.ts';
export type { BotStatus, Decided, DirectAnswer } from './bot/bot.ts';
export type { AuditEntry, AuditQuery, Verification } from '../store/tables/audit-log.ts';
export type { Job } from '../store/tables/jobs.ts';
export type { Confirmation } from '../store/tables/confirmations.ts';
export { userOrders } from '../homeserver/admin/users.ts';
export type { Destination } from '../homeserver/admin/federation.ts';
export { destinationOrders } from '../homeserver/admin/federation.ts';
export type { StoredMedia, UserMedia } from '../homeserver/admin/media.ts';
export { mediaOrders } from '../homeserver/admin/media.ts';
export type { ItemStory, ReportQueueService } from './reports/report-queue.ts';
export type { ReportedContent } from './reports/reported-content.ts';
export type { ItemCursor, ItemQuery, ItemState, ReportItem } from '../store/tables/report-items.ts';
export type { RegistrationToken } from '../homeserver/admin/registration-tokens.ts';
export type { RoomDetail, RoomSummary } from '../homeserver/admin/rooms.ts';
export { roomOrders } from '../homeserver/admin/rooms.ts';
export type { BackgroundUpdateStatus } from '../homeserver/admin/server.ts';
export { mediaUsageOrders } from '../homeserver/admin/statistics.ts';

/** What became of checking the audit log, and the newest head that was posted in the room. */
export interface Verified extends Verification {
  readonly posted: Anchor | undefined;
}

/**
 * What commands can do, in a moderator's words: one service for each domain.
 *
 * Everything that talks to the homeserver or the database is a service; everything that words an answer
 * stands beside its command. `createXService(clients…)` in `x/x-service.ts` is given the clients it uses
 * and returns named functions, and `XService` is the type of what it returns. A function of one call may
 * be the client's own (`find: api.media.find`). Work that takes several calls, their order, the
 * homeserver's own jobs, and how to reconcile a call that was cut off (`reconcileX`) live here. Where
 * that is long it has a file of its own beside the service, as functions whose first argument is the
 * clients they use; only the service calls them.
 */
export interface Services {
  /** The admin API. Commands move to the named functions below, and this goes. */
  readonly api: AdminApi;
  readonly accounts: AccountService;
  readonly devices: DeviceService;
  readonly media: MediaService;
  readonly redaction: RedactionService;
  readonly registrationTokens: RegistrationTokenService;
  readonly rooms: RoomService;
  readonly server: ServerService;
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
  /** The homeserver's name. */
  serverName: string;
  managementRoom: RoomId;
}): Services {
  const { api, store, bot, wakeReports, botUser, serverName, managementRoom } = parts;
  const directRooms = createDirectRooms(api, { botUser, managementRoom });
  return {
    api,
    accounts: createAccountService(api),
    devices: createDeviceService(api),
    media: createMediaService(api, serverName),
    redaction: createRedactionService({ api, bot, directRooms, botUser, serverName }),
    registrationTokens: createRegistrationTokenService(api),
    rooms: createRoomService(api, serverName),
    server: createServerService(api),
    audit: {
      get: store.auditLog.get,
      search: store.auditLog.search,
      async verify() {
        const posted = await store.anchor.get();
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
    directRooms,
  };
}
