import type { AdminApi } from '../admin-api/admin-api.ts';
import type { UserId } from '../ids.ts';

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
