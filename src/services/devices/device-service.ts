import { HomeserverError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { Device } from '../../homeserver/admin/devices.ts';
import type { Pusher } from '../../homeserver/admin/user-activity.ts';
import type { DelegationService } from '../delegation/delegation.ts';
import type { Session, SessionKind } from '../delegation/sessions.ts';

/** Where an account's notifications go, without the key that would let anybody send some. */
export type NotificationTarget = Omit<Pusher, 'pushkey' | 'data'> & {
  /** An e-mail address or a URL. */
  readonly address: string | null;
};

/**
 * Where an account is logged in. Without the Matrix Authentication Service (MAS), and for accounts that MAS
 * doesn't know, every session is a device. Times in milliseconds since 1970.
 */
export interface AccountSession {
  readonly kind: SessionKind | 'device';
  /** MAS's ID; null for a device. */
  readonly sessionId: string | null;
  readonly deviceId: string | null;
  readonly name: string | null;
  /** What it may do; null if that is not known. */
  readonly scope: readonly string[] | null;
  readonly createdTs: number | null;
  readonly lastSeenTs: number | null;
  readonly lastSeenIp: string | null;
  /** Null if it lasts until somebody ends it. */
  readonly expiresTs: number | null;
}

/** The devices that were asked for, and the IDs that no device of the account has. */
export interface FoundDevices {
  readonly devices: readonly Device[];
  readonly unknown: readonly string[];
}

/** The devices of accounts, and where their notifications go. */
export function createDeviceService(
  api: Pick<AdminApi, 'devices' | 'users'>,
  delegation?: Pick<DelegationService, 'endAllSessions' | 'sessionsOf'>,
) {
  const { devices } = api;

  /** Synapse accepts unknown IDs without an error, so every change looks first. */
  async function findAll(user: UserId, ids: readonly string[]): Promise<FoundDevices> {
    const byId = new Map((await devices.list(user)).map((device) => [device.deviceId, device]));
    return {
      devices: ids.flatMap((id) => byId.get(id) ?? []),
      unknown: ids.filter((id) => !byId.has(id)),
    };
  }

  async function logOut(user: UserId, ids: readonly string[]): Promise<void> {
    const [first, ...others] = ids;
    if (first !== undefined && others.length === 0) {
      await devices.delete(user, first);
    } else if (first !== undefined) {
      await devices.deleteMany(user, ids);
    }
  }

  return {
    /** All devices, the one used last first. GET /_synapse/admin/v2/users/{user_id}/devices */
    async list(user: UserId): Promise<Device[]> {
      return (await devices.list(user)).toSorted(
        (one, other) =>
          (other.lastSeenTs ?? 0) - (one.lastSeenTs ?? 0) ||
          one.deviceId.localeCompare(other.deviceId),
      );
    },

    /**
     * All sessions, the one used last first: those of MAS, and the devices that belong to none of them.
     * GET /_synapse/admin/v2/users/{user_id}/devices
     */
    async sessions(user: UserId): Promise<AccountSession[]> {
      const [sessions, listed] = await Promise.all([
        delegation?.sessionsOf(user) ?? [],
        devices.list(user),
      ]);
      const deviceOf = new Map(listed.map((device) => [device.deviceId, device]));
      const ofMas = sessions.map((session) =>
        withDevice(session, deviceOf.get(session.deviceId ?? '')),
      );
      const known = new Set(ofMas.map(({ deviceId }) => deviceId));
      const others = listed.filter(({ deviceId }) => !known.has(deviceId)).map(deviceSession);
      return [...ofMas, ...others].toSorted(
        (one, other) =>
          (other.lastSeenTs ?? 0) - (one.lastSeenTs ?? 0) ||
          (other.createdTs ?? 0) - (one.createdTs ?? 0),
      );
    },

    /** One device; undefined if the account doesn't have it. */
    find: async (user: UserId, deviceId: string) => devices.find(user, deviceId),

    findAll,

    /**
     * Adds devices one after the other. If the homeserver refuses one, the error is returned with those
     * that were added before.
     *
     * @throws HomeserverError none was added
     */
    async add(
      user: UserId,
      ids: readonly string[],
      name: string | undefined,
    ): Promise<{ readonly added: readonly string[]; readonly error?: HomeserverError }> {
      const added: string[] = [];
      try {
        for (const id of ids) {
          await devices.create(user, id);
          added.push(id);
          if (name !== undefined) {
            await devices.rename(user, id, name);
          }
        }
        return { added };
      } catch (error) {
        if (added.length > 0 && error instanceof HomeserverError && !error.mayHaveHappened) {
          return { added, error };
        }
        throw error;
      }
    },

    /** `unknowable` if only some were added: the others won't follow. */
    async reconcileAdding(user: UserId, ids: readonly string[], name: string | undefined) {
      const found = await findAll(user, ids);
      if (found.devices.length === 0) {
        return 'not_done';
      }
      const isNamed = name === undefined || found.devices.every((one) => one.displayName === name);
      return found.unknown.length === 0 && isNamed ? 'done' : 'unknowable';
    },

    rename: async (user: UserId, deviceId: string, name: string) =>
      devices.rename(user, deviceId, name),

    async reconcileRenaming(user: UserId, deviceId: string, name: string) {
      const [device] = (await findAll(user, [deviceId])).devices;
      return device?.displayName === name ? 'done' : 'not_done';
    },

    /** Logs devices out and removes them. */
    logOut,

    /** Nobody can tell whether missing devices were there before. */
    async reconcileLogOut(user: UserId, ids: readonly string[]) {
      const found = await findAll(user, ids);
      return found.devices.length === 0
        ? 'done'
        : found.unknown.length === 0
          ? 'not_done'
          : 'unknowable';
    },

    /** Logs out all devices of an account, and ends its other sessions. Returns their number. */
    async logOutAll(user: UserId): Promise<number> {
      if (delegation !== undefined) {
        return delegation.endAllSessions(user);
      }
      const ids = (await devices.list(user)).map(({ deviceId }) => deviceId);
      if (ids.length > 0) {
        await devices.deleteMany(user, ids);
      }
      return ids.length;
    },

    /** GET /_synapse/admin/v1/users/{user_id}/pushers */
    async notificationTargets(user: UserId): Promise<NotificationTarget[]> {
      const pushers = await api.users.pushers(user);
      return pushers.map(({ pushkey, data, ...rest }) => {
        const url = data?.['url'];
        return {
          ...rest,
          address: rest.kind === 'email' ? pushkey : typeof url === 'string' ? url : null,
        };
      });
    },
  };
}

export type DeviceService = ReturnType<typeof createDeviceService>;

function deviceSession(device: Device): AccountSession {
  return {
    kind: 'device',
    sessionId: null,
    deviceId: device.deviceId,
    name: device.displayName,
    scope: null,
    createdTs: null,
    lastSeenTs: device.lastSeenTs,
    lastSeenIp: device.lastSeenIp,
    expiresTs: null,
  };
}

/** A session of MAS, with what Synapse knows of its device. */
function withDevice(session: Session, device: Device | undefined): AccountSession {
  const { id, kind, createdAt, expiresAt, lastActiveAt, lastActiveIp } = session;
  const isSeenBySynapse = (device?.lastSeenTs ?? 0) > (lastActiveAt ?? 0);
  return {
    sessionId: id,
    kind,
    deviceId: session.deviceId ?? null,
    name: session.name ?? device?.displayName ?? null,
    scope: session.scope ?? null,
    createdTs: createdAt,
    lastSeenTs: isSeenBySynapse ? (device?.lastSeenTs ?? null) : lastActiveAt,
    lastSeenIp: (isSeenBySynapse ? device?.lastSeenIp : undefined) ?? lastActiveIp,
    expiresTs: expiresAt,
  };
}
