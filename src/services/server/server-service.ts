import { TargetError } from '../../core/errors.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { Destination, DestinationQuery } from '../../homeserver/admin/federation.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import type { DelegationService } from '../delegation/delegation.ts';
import { rowsPerRequest } from '../pages.ts';
import type { Pages } from '../pages.ts';

/** A server that this one talks to. */
export interface KnownServer {
  readonly destination: Destination;
  /** The number of rooms shared with it. */
  readonly rooms: number;
}

/** The homeserver itself, and the other servers that it talks to. */
export function createServerService(
  api: Pick<AdminApi, 'federation' | 'server'>,
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

    /** Undefined if this server has never talked to that one. */
    async findServer(name: string): Promise<KnownServer | undefined> {
      const destination = await api.federation.find(name);
      if (destination === undefined) {
        return undefined;
      }
      const { total } = await api.federation.listRooms(name, { limit: 1 });
      return { destination, rooms: total };
    },
  };
}

export type ServerService = ReturnType<typeof createServerService>;
