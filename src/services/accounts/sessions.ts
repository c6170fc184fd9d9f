import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';

/** Logs all devices of an account out; returns how many there were. */
export async function logOutAllDevices(api: AdminApi, user: UserId): Promise<number> {
  const devices = await api.devices.list(user);
  if (devices.length > 0) {
    await api.devices.deleteMany(
      user,
      devices.map(({ deviceId }) => deviceId),
    );
  }
  return devices.length;
}
