import { z } from 'zod';

import type { UserId } from '../../core/ids.ts';
import { apiObject, maybe, nothing } from '../decode.ts';
import { orUndefined } from '../request.ts';
import type { SendRequest } from '../request.ts';

const device = apiObject({
  device_id: z.string(),
  display_name: maybe(z.string()),
  last_seen_ip: maybe(z.string()),
  last_seen_user_agent: maybe(z.string()),
  /** Milliseconds since 1970; some minutes late. */
  last_seen_ts: maybe(z.number()),
});

export type Device = z.output<typeof device>;

/**
 * The devices of an account, by `/_synapse/admin/v2/users/{user_id}/devices`.
 * All throw HomeserverError: 404 unknown, 400 of another server.
 */
export function devicesApi(send: SendRequest) {
  const all = '/_synapse/admin/v2/users/{user_id}/devices';
  const one = '/_synapse/admin/v2/users/{user_id}/devices/{device_id}';

  return {
    /** All devices. GET /_synapse/admin/v2/users/{user_id}/devices */
    async list(user: UserId): Promise<Device[]> {
      const answer = await send('GET', all, {
        path: { user_id: user },
        answer: apiObject({ devices: z.array(device) }),
      });
      return answer.devices;
    },

    /**
     * One device, undefined where the account or the device is unknown.
     * GET /_synapse/admin/v2/users/{user_id}/devices/{device_id}
     */
    async find(user: UserId, deviceId: string): Promise<Device | undefined> {
      return orUndefined(async () =>
        send('GET', one, { path: { user_id: user, device_id: deviceId }, answer: device }),
      );
    },

    /**
     * Adds a device that nobody is logged in on. Idempotent.
     * POST /_synapse/admin/v2/users/{user_id}/devices
     */
    async create(user: UserId, deviceId: string): Promise<void> {
      return send('POST', all, {
        path: { user_id: user },
        body: { device_id: deviceId },
        answer: nothing,
      });
    },

    /**
     * Gives a device another name, of 100 characters at most. Idempotent.
     * PUT /_synapse/admin/v2/users/{user_id}/devices/{device_id}
     */
    async rename(user: UserId, deviceId: string, displayName: string): Promise<void> {
      return send('PUT', one, {
        path: { user_id: user, device_id: deviceId },
        body: { display_name: displayName },
        answer: nothing,
      });
    },

    /**
     * Logs a device out. Idempotent: an unknown device is no error.
     * DELETE /_synapse/admin/v2/users/{user_id}/devices/{device_id}
     */
    async delete(user: UserId, deviceId: string): Promise<void> {
      return send('DELETE', one, {
        path: { user_id: user, device_id: deviceId },
        answer: nothing,
      });
    },

    /**
     * Logs several devices out. Idempotent: unknown devices are no error.
     * POST /_synapse/admin/v2/users/{user_id}/delete_devices
     */
    async deleteMany(user: UserId, deviceIds: readonly string[]): Promise<void> {
      return send('POST', '/_synapse/admin/v2/users/{user_id}/delete_devices', {
        path: { user_id: user },
        body: { devices: deviceIds },
        answer: nothing,
      });
    },
  };
}

export type DevicesApi = ReturnType<typeof devicesApi>;
