import { HomeserverError, TargetError } from '../../core/errors.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type {
  Destination,
  DestinationQuery,
  DestinationRoom,
  DestinationRoomQuery,
} from '../../homeserver/admin/federation.ts';
import type { NoticeText } from '../../homeserver/admin/server-notices.ts';
import type {
  ScheduledTask,
  ScheduledTaskQuery,
  UpdateJob,
} from '../../homeserver/admin/server.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import type { DelegationService } from '../delegation/delegation.ts';
import { rowsPerRequest } from '../pages.ts';
import type { Pages } from '../pages.ts';
import { synapseTasks } from '../synapse-tasks.ts';

/** A server that this one talks to. */
export interface KnownServer {
  readonly destination: Destination;
  /** The number of rooms shared with it. */
  readonly rooms: number;
}

/** The names under which Synapse runs a job that was started by hand. */
const updatesOf: Readonly<Record<UpdateJob, RegExp>> = {
  populate_stats_process_rooms: /^populate_stats_process_rooms$/u,
  regenerate_directory: /^populate_user_directory_/u,
  event_resign: /^event_resign$/u,
};

/** The homeserver itself, and the other servers that it talks to. */
export function createServerService(
  api: Pick<AdminApi, 'federation' | 'server' | 'serverNotices'>,
  client: Pick<ClientApi, 'account'>,
  delegation?: Pick<DelegationService, 'version' | 'hasPasswordLogin'>,
) {
  /** @throws TargetError they are already enabled or stopped, and an undo would change that earlier state */
  function assertDifferent(enabled: boolean, wanted: boolean): void {
    if (enabled === wanted) {
      throw new TargetError(
        'state',
        `background updates are already ${enabled ? 'enabled' : 'stopped'}`,
        'Nothing was changed.',
      );
    }
  }

  /** Undefined if this server has never talked to that one. */
  async function findServer(name: string): Promise<KnownServer | undefined> {
    const destination = await api.federation.find(name);
    if (destination === undefined) {
      return undefined;
    }
    const { total } = await api.federation.listRooms(name, { limit: 1 });
    return { destination, rooms: total };
  }

  return {
    /** Synapse's version, such as `1.163.2`. */
    version: api.server.version,

    /** Whether people can log in with a password; undefined if the server doesn't say. */
    hasPasswordLogin: delegation?.hasPasswordLogin ?? client.account.hasPasswordLogin,

    /**
     * The version of the Matrix Authentication Service, such as `v1.22.0`; undefined if the homeserver keeps
     * its accounts itself.
     */
    masVersion: delegation?.version,

    /** Whether updates of the database are enabled, and which of them run now. */
    backgroundUpdates: api.server.backgroundUpdateStatus,

    /** @throws TargetError there is nothing to change */
    async assertCanSetBackgroundUpdates(enable: boolean): Promise<void> {
      assertDifferent(await api.server.backgroundUpdatesEnabled(), enable);
    },

    /**
     * Stops updates of the database, or lets them continue, until Synapse restarts.
     *
     * @throws TargetError there is nothing to change
     */
    async setBackgroundUpdates(enable: boolean): Promise<void> {
      assertDifferent(await api.server.backgroundUpdatesEnabled(), enable);
      await api.server.setBackgroundUpdatesEnabled(enable);
    },

    reconcileBackgroundUpdates: async (enable: boolean): Promise<'done' | 'not_done'> =>
      (await api.server.backgroundUpdatesEnabled()) === enable ? 'done' : 'not_done',

    /**
     * Starts an update of the database.
     *
     * @throws TargetError Synapse has not finished it since the last time, or doesn't know it
     */
    async startBackgroundUpdate(job: UpdateJob): Promise<void> {
      try {
        await api.server.startBackgroundUpdate(job);
      } catch (error) {
        if (error instanceof HomeserverError && error.status === 400) {
          throw new TargetError(
            'state',
            `Synapse does not start ${job}`,
            'It is already running or waiting, or this version of Synapse doesn’t have it. Nothing was changed.',
          );
        }
        throw error;
      }
    },

    /** `unknowable` unless it is running: a short one may have ended, and a list of those that wait is missing. */
    async reconcileStart(job: UpdateJob): Promise<'done' | 'unknowable'> {
      const { currentUpdates } = await api.server.backgroundUpdateStatus();
      const names = Object.values(currentUpdates).map(({ name }) => name);
      return names.some((name) => updatesOf[job].test(name)) ? 'done' : 'unknowable';
    },

    /**
     * Sends a message to an account, as the server.
     *
     * @param transactionId the message is sent once for each
     * @returns the event
     * @throws TargetError notices are not configured
     */
    async sendNotice(user: UserId, text: NoticeText, transactionId: string): Promise<EventId> {
      try {
        return await api.serverNotices.send(user, text, transactionId);
      } catch (error) {
        // The account was looked up, so only one reason for a 400 is left.
        if (error instanceof HomeserverError && error.status === 400) {
          throw new TargetError(
            'state',
            'this homeserver has no server notices',
            'Nothing was sent. In Synapse’s configuration, set `server_notices.system_mxid_localpart` and `server_notices.room_name`, then restart Synapse.',
          );
        }
        throw error;
      }
    },

    /**
     * Synapse's own long-running tasks of the last 7 days, newest first.
     * GET /_synapse/admin/v1/scheduled_tasks
     *
     * @throws TargetError this version of Synapse has no list of them
     */
    async tasks(query: ScheduledTaskQuery): Promise<ScheduledTask[]> {
      const tasks = await synapseTasks(api, query);
      if (tasks === undefined) {
        throw new TargetError('state', 'this version of Synapse does not list its tasks');
      }
      return tasks.toReversed();
    },

    /** Servers that this one has talked to. GET /_synapse/admin/v1/federation/destinations */
    otherServers: (query: DestinationQuery): Pages<Destination> => ({
      async page() {
        const page = await api.federation.list(query);
        return {
          rows: page.destinations,
          total: page.total,
          nextFrom: page.nextToken ?? undefined,
        };
      },
      all: () => api.federation.all({ ...query, limit: rowsPerRequest }),
    }),

    findServer,

    /**
     * Makes Synapse try an unreachable server now instead of waiting.
     *
     * @throws TargetError it can already reach it
     * @throws HomeserverError 404 this server has never talked to it
     */
    async retryServer(name: string): Promise<void> {
      try {
        await api.federation.resetConnection(name);
      } catch (error) {
        if (error instanceof HomeserverError && error.status === 400) {
          throw new TargetError(
            'state',
            `Synapse is not waiting to retry ${name}`,
            'The last attempt succeeded, or it is trying right now. Nothing was changed.',
          );
        }
        throw error;
      }
    },

    /** `unknowable` if the server is still unreachable: Synapse may have tried again in vain. */
    async reconcileRetry(name: string): Promise<'done' | 'unknowable'> {
      const found = await findServer(name);
      return found !== undefined && found.destination.retryLastTs === 0 ? 'done' : 'unknowable';
    },

    /**
     * The rooms shared with another server.
     * GET /_synapse/admin/v1/federation/destinations/{destination}/rooms
     */
    roomsSharedWith: (name: string, query: DestinationRoomQuery): Pages<DestinationRoom> => ({
      async page() {
        const page = await api.federation.listRooms(name, query);
        return { rows: page.rooms, total: page.total, nextFrom: page.nextToken ?? undefined };
      },
      all: () => api.federation.allRooms(name, { ...query, limit: rowsPerRequest }),
    }),
  };
}

export type ServerService = ReturnType<typeof createServerService>;
