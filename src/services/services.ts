import type { PollTimes } from '../core/async/poll.ts';
import type { UserId } from '../core/ids.ts';
import type { AdminApi } from '../homeserver/admin/admin-api.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import type { Store } from '../store/store.ts';
import type { FormerWitness, Witness } from '../store/witness.ts';
import { createAccountService } from './accounts/account-service.ts';
import type { AccountService } from './accounts/account-service.ts';
import { masTraits, synapseTraits } from './accounts/traits.ts';
import { createAuditService } from './bot/audit-service.ts';
import type { AuditService } from './bot/audit-service.ts';
import type { BotAccount, BotOperations } from './bot/bot-operations.ts';
import { createForgetService } from './bot/forget-service.ts';
import type { ForgetService } from './bot/forget-service.ts';
import { createHistoryService } from './bot/history-service.ts';
import type { HistoryService } from './bot/history-service.ts';
import { createOperationService } from './bot/operation-service.ts';
import type { OperationService } from './bot/operation-service.ts';
import { createStatisticsService } from './bot/statistics-service.ts';
import type { StatisticsService } from './bot/statistics-service.ts';
import { createChartService } from './charts/chart-service.ts';
import type { ChartService } from './charts/chart-service.ts';
import type { DelegationService } from './delegation/delegation.ts';
import { createDeviceService } from './devices/device-service.ts';
import type { DeviceService } from './devices/device-service.ts';
import { createMediaService } from './media/media-service.ts';
import type { MediaService } from './media/media-service.ts';
import { createNoteService } from './notes/note-service.ts';
import type { NoteService } from './notes/note-service.ts';
import { createTagService } from './notes/tag-service.ts';
import type { TagService } from './notes/tag-service.ts';
import { createRedactionService } from './redaction/redaction-service.ts';
import type { RedactionService } from './redaction/redaction-service.ts';
import type { ConfiguredRule } from './reports/configured-rules.ts';
import { createReportService } from './reports/report-service.ts';
import type { ReportService } from './reports/report-service.ts';
import type { DirectRooms } from './rooms/direct-rooms.ts';
import { createRoomService } from './rooms/room-service.ts';
import type { RoomService } from './rooms/room-service.ts';
import { createSanctionService } from './sanctions/sanction-service.ts';
import type { SanctionService } from './sanctions/sanction-service.ts';
import { createRegistrationTokenService } from './server/registration-token-service.ts';
import type { RegistrationTokenService } from './server/registration-token-service.ts';
import { createServerService } from './server/server-service.ts';
import type { ServerService } from './server/server-service.ts';
import { createTransparencyService } from './transparency/report.ts';
import type { TransparencyService } from './transparency/report.ts';

// The types and values of services that commands need to name, by file.
export type { Device } from '../homeserver/admin/devices.ts';
export type { RoomEvent, StateEvent } from '../homeserver/admin/events.ts';
export type { Destination } from '../homeserver/admin/federation.ts';
export { destinationOrders } from '../homeserver/admin/federation.ts';
export type { StoredMedia, UserMedia } from '../homeserver/admin/media.ts';
export { mediaOrders } from '../homeserver/admin/media.ts';
export type { RegistrationToken } from '../homeserver/admin/registration-tokens.ts';
export type { RoomDetail, RoomSummary } from '../homeserver/admin/rooms.ts';
export { roomOrders } from '../homeserver/admin/rooms.ts';
export type {
  BackgroundUpdateStatus,
  ScheduledTask,
  UpdateJob,
} from '../homeserver/admin/server.ts';
export { taskStatuses, updateJobs } from '../homeserver/admin/server.ts';
export { mediaUsageOrders } from '../homeserver/admin/statistics.ts';
export type { Ratelimit } from '../homeserver/admin/user-ratelimit.ts';
export type { UserSummary } from '../homeserver/admin/users.ts';
export type { Account, AccountFilter } from './accounts/account-search.ts';
export { filtersAppliedHere } from './accounts/account-search.ts';
export type { RoomDeletionOutcome } from './rooms/room-deletion.ts';
export { whyNotAllRemoved } from './rooms/room-deletion.ts';
export { userOrders } from '../homeserver/admin/users.ts';
export type { SignUpGroup } from './accounts/sign-up-groups.ts';
export type { NewAccount } from './accounts/sign-ups.ts';
export type { AccountTraits } from './accounts/traits.ts';
export { PowerlessError } from './sanctions/sanction-service.ts';
export type { Prospect } from './sanctions/prospects.ts';
export type { Sanctioned } from './sanctions/sanction-service.ts';
export type { SanctionKind } from './sanctions/room-standing.ts';
export type { AccountSession } from './devices/device-service.ts';
export type { Footprint } from './accounts/account-service.ts';
export type { DeletableFiles, FailedFile, FileChanges, NamedFile } from './media/media-files.ts';
export { whyFailed } from './media/media-files.ts';
export type { ChainPosition } from './bot/audit-service.ts';
export type { Compared, Verified } from './bot/verify-record.ts';
export type { ForgetRequest, Mentions } from './bot/forget-service.ts';
export type { Decided, DirectAnswer, Stopped } from './bot/bot-operations.ts';
export type { OpenOperation } from './bot/operation-service.ts';
export type { NotesAbout } from './notes/note-service.ts';
export type { SetTag } from './notes/tag-service.ts';
export type { ConfiguredRule } from './reports/configured-rules.ts';
export type { ItemStory } from './reports/report-service.ts';
export type { ReportedContent } from './reports/reported-content.ts';
export { stepOf } from '../store/tables/audit/audit-log.ts';
export type { AuditEntry } from '../store/tables/audit/audit-log.ts';
export type { Note } from '../store/tables/notes.ts';
export type { ListedOperation, Operation } from '../store/tables/operations/operations.ts';
export type {
  ItemCursor,
  ItemQuery,
  ItemState,
  ReportItem,
} from '../store/tables/reports/report-items.ts';
export { maxPeopleForReason } from '../store/tables/reports/reports.ts';
export type { MainReason } from '../store/tables/reports/reports.ts';
export type { Tag } from '../store/tables/tags.ts';

/**
 * What commands can do, in a moderator's words: one service for each domain.
 *
 * Everything that talks to the homeserver or the database is a service; everything that words an answer
 * is beside its command. `createXService(clients…)` in `x/x-service.ts` is given the clients it uses
 * and returns named functions, and `XService` is the type of what it returns. A function of one call may
 * be the client's own (`find: api.media.find`). What takes several calls, their order, the
 * homeserver's own tasks, and how to reconcile an interrupted call (`reconcileX`) live here. If that is
 * long, it has a file of its own beside the service, as functions whose first argument is the clients
 * that they use; only the service calls them.
 */
export interface Services extends HomeserverServices {
  readonly notes: NoteService;
  readonly audit: AuditService;
  readonly operations: OperationService;
  readonly confirmations: Pick<Store['confirmations'], 'pending'>;
  readonly statistics: StatisticsService;
  readonly history: HistoryService;
  readonly transparency: TransparencyService;
  readonly tags: TagService;
  readonly rules: readonly ConfiguredRule[];
  readonly forgetting: ForgetService;
  readonly charts: ChartService;
  readonly bot: BotOperations;
  readonly directRooms: DirectRooms;
}

/** The services that work on one homeserver. */
export interface HomeserverServices {
  readonly botAccount: BotAccount;
  readonly accounts: AccountService;
  readonly devices: DeviceService;
  readonly media: MediaService;
  readonly redaction: RedactionService;
  readonly registrationTokens: RegistrationTokenService;
  readonly reports: ReportService;
  readonly rooms: RoomService;
  readonly sanctions: SanctionService;
  readonly server: ServerService;
}

export function createHomeserverServices(parts: {
  api: AdminApi;
  client: Pick<ClientApi, 'account' | 'rooms'>;
  /** Undefined if the homeserver keeps its accounts itself. */
  delegation: DelegationService | undefined;
  store: Store;
  botAccount: BotAccount;
  directRooms: DirectRooms;
  /** Called when an item of the report queue has changed. */
  wakeReports: () => void;
  /** Reads the homeservers' lists of reports now. */
  refreshReports: () => Promise<void>;
  /** The bot's account there. */
  botUser: UserId;
  serverName: string;
  /** All that the bot moderates. */
  homeservers: readonly { readonly serverName: string }[];
  /** How often to look whether Synapse has deleted a room, and for how long. */
  roomDeletionTimes: PollTimes | undefined;
}): HomeserverServices {
  const { api, client, delegation, store, botAccount, directRooms, botUser, serverName } = parts;
  return {
    botAccount,
    accounts: createAccountService(api, delegation === undefined ? synapseTraits : masTraits),
    devices: createDeviceService(api, delegation),
    media: createMediaService(api, serverName),
    redaction: createRedactionService({ api, botAccount, directRooms, botUser, serverName }),
    registrationTokens: createRegistrationTokenService(api),
    reports: createReportService(api, store, {
      wake: parts.wakeReports,
      refresh: parts.refreshReports,
      serverName,
      homeservers: parts.homeservers,
    }),
    rooms: createRoomService(api, serverName, parts.roomDeletionTimes),
    sanctions: createSanctionService({ api, client, botUser, directRooms, serverName }),
    server: createServerService(api, client, delegation),
  };
}

export function createServices(parts: {
  /** The services of the first homeserver. */
  homeserver: HomeserverServices;
  directRooms: DirectRooms;
  store: Store;
  /** What the audit log is compared with. */
  witnesses: readonly Witness[];
  /** Where heads of it were written before. */
  formerWitnesses: () => Promise<readonly FormerWitness[]>;
  /** How long a row waits for a head that covers it. */
  anchorEveryMs: number;
  bot: BotOperations;
  /** The rules of the configuration. */
  rules: readonly ConfiguredRule[];
  /** Called when an item of the report queue has changed. */
  wakeReports: () => void;
}): Services {
  const { store, bot, wakeReports } = parts;
  return {
    ...parts.homeserver,
    notes: createNoteService(store, { wake: wakeReports }),
    audit: createAuditService(store, parts),
    operations: createOperationService(store, bot),
    confirmations: store.confirmations,
    statistics: createStatisticsService(store),
    history: createHistoryService(store),
    transparency: createTransparencyService(store),
    tags: createTagService(store, { wake: wakeReports }),
    rules: parts.rules,
    forgetting: createForgetService(store),
    charts: createChartService(),
    bot,
    directRooms: parts.directRooms,
  };
}
