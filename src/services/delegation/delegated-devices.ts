import type { PollTimes } from '../../core/async/poll.ts';
import { TargetError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import { ifFound } from '../../homeserver/http.ts';
import type { MasApi } from '../../homeserver/mas/mas-api.ts';
import type { MasAccounts } from './mas-accounts.ts';
import { activeSessions, endSessions } from './sessions.ts';
import type { Session } from './sessions.ts';
import { untilShown } from './until-shown.ts';

/**
 * The devices of a homeserver that delegates accounts to MAS, in the shape of Synapse's admin API. A device
 * belongs to a session of MAS: a device that is deleted in Synapse alone comes back.
 */
export function delegatedDevicesApi(context: {
  readonly synapse: AdminApi['devices'];
  readonly mas: MasApi;
  readonly accounts: MasAccounts;
  readonly arrivalTimes: PollTimes;
}) {
  const { synapse, mas, accounts, arrivalTimes } = context;

  const list: AdminApi['devices']['list'] = async (user) =>
    // Synapse may not know an account that MAS knows.
    (await ifFound(async () => synapse.list(user))) ?? [];

  /** Ends sessions of an account, and waits until their devices have left Synapse. */
  async function end(user: UserId, sessions: readonly Session[]): Promise<void> {
    await endSessions(mas, sessions);
    const ids = new Set(sessions.flatMap(({ deviceId }) => deviceId ?? []));
    if (ids.size > 0) {
      await untilShown(
        async () => (await list(user)).every(({ deviceId }) => !ids.has(deviceId)),
        'POST /api/admin/v1/compat-sessions/{id}/finish',
        arrivalTimes,
      );
    }
  }

  async function sessionsOf(user: UserId): Promise<Session[]> {
    const account = await accounts.find(user);
    return account === undefined ? [] : activeSessions(mas, account.id);
  }

  /** Ends the sessions with these devices. Synapse deletes devices that MAS doesn't know. */
  async function deleteMany(user: UserId, deviceIds: readonly string[]): Promise<void> {
    const wanted = new Set(deviceIds);
    const sessions = (await sessionsOf(user)).filter(
      ({ deviceId }) => deviceId !== undefined && wanted.has(deviceId),
    );
    await end(user, sessions);
    const left = wanted.difference(new Set(sessions.map(({ deviceId }) => deviceId)));
    if (left.size > 0) {
      await synapse.deleteMany(user, [...left]);
    }
  }

  return {
    ...synapse,
    list,
    deleteMany,
    delete: async (user: UserId, deviceId: string) => deleteMany(user, [deviceId]),

    async create(): Promise<void> {
      throw new TargetError(
        'state',
        'the authentication service removes devices that don’t belong to a session',
        'Nothing was changed. A device is added when somebody logs in.',
      );
    },

    /** The sessions of an account, of all kinds. */
    sessionsOf,

    endSessions: end,

    /** Ends all sessions of an account, of all kinds. Returns their number. */
    async endAll(user: UserId): Promise<number> {
      const sessions = await sessionsOf(user);
      await end(user, sessions);
      const others = (await list(user)).map(({ deviceId }) => deviceId);
      if (others.length > 0) {
        await synapse.deleteMany(user, others);
      }
      return sessions.length;
    },
  };
}

export type DelegatedDevices = ReturnType<typeof delegatedDevicesApi>;
