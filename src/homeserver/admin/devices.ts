import { z } from 'zod';

import type { UserId } from '../../core/ids.ts';
import { apiObject, maybe, nothing } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';

const device = apiObject({
  device_id: z.string(),
  display_name: maybe(z.string()),
  last_seen_ip: maybe(z.string()),
  last_seen_user_agent: maybe(z.string()),
  /** Milliseconds since 1970; the server updates it only every few minutes. */
  last_seen_ts: maybe(z.number()),
});

export type Device = z.output<typeof device>;

/**
 * The devices of an account, by `/_synapse/admin/v2/users/{user_id}/devices`.
 * All throw HomeserverError: 404 unknown account, 400 account of another server.
 */
export function devicesApi(send: SendRequest) {
  const devicesPath = '/_synapse/admin/v2/users/{user_id}/devices';
  const devicePath = '/_synapse/admin/v2/users/{user_id}/devices/{device_id}';

  return {
    /** All devices. GET /_synapse/admin/v2/users/{user_id}/devices */
    async list(user: UserId): Promise<Device[]> {
      const answer = await send('GET', devicesPath, {
        path: { user_id: user },
        answer: apiObject({ devices: z.array(device) }),
      });
      return answer.devices;
    },

    /**
     * One device, undefined if the account or the device is unknown.
     * GET /_synapse/admin/v2/users/{user_id}/devices/{device_id}
     */
    async find(user: UserId, deviceId: string): Promise<Device | undefined> {
      return ifFound(async () =>
        send('GET', devicePath, { path: { user_id: user, device_id: deviceId }, answer: device }),
      );
    },

    /**
     * Adds a device without a session. Idempotent.
     * POST /_synapse/admin/v2/users/{user_id}/devices
     */
    async create(user: UserId, deviceId: string): Promise<void> {
      return send('POST', devicesPath, {
        path: { user_id: user },
        body: { device_id: deviceId },
        answer: nothing,
      });
    },

    /**
     * Renames a device; a name has up to 100 characters. Idempotent.
     * PUT /_synapse/admin/v2/users/{user_id}/devices/{device_id}
     */
    async rename(user: UserId, deviceId: string, displayName: string): Promise<void> {
      return send('PUT', devicePath, {
        path: { user_id: user, device_id: deviceId },
        body: { display_name: displayName },
        answer: nothing,
      });
    },

    /**
     * Logs a device out. Idempotent: an unknown device is not an error.
     * DELETE /_synapse/admin/v2/users/{user_id}/devices/{device_id}
     */
    async delete(user: UserId, deviceId: string): Promise<void> {
      return send('DELETE', devicePath, {
        path: { user_id: user, device_id: deviceId },
        answer: nothing,
      });
    },

    /**
     * Logs several devices out. Idempotent: unknown devices are not an error.
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
