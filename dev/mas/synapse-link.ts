import { setTimeout as wait } from 'node:timers/promises';

import { request } from '../synapse/http.ts';
import type { State, User } from './state.ts';

/** How long MAS takes from its answer to Synapse, here. */
const jobDelayMs = 100;
const maxAttempts = 10;

/** What MAS tells Synapse about accounts, with the secret that they share. */
export function createSynapseLink(state: State, secret: string) {
  let homeserverUrl = '';
  let released = Promise.resolve();
  const stopping = new AbortController();

  const call = async (method: string, path: string, json?: object) =>
    request(homeserverUrl, method, `/_synapse/mas/${path}`, {
      accessToken: secret,
      ...(json === undefined ? {} : { json }),
    });

  /** Runs later and until it succeeds, as MAS's jobs do. */
  function later(job: () => Promise<unknown>): void {
    void (async () => {
      for (let attempt = 0; attempt < maxAttempts && !stopping.signal.aborted; attempt += 1) {
        try {
          await wait(jobDelayMs * 2 ** attempt, undefined, { signal: stopping.signal });
          await released;
          await job();
          return;
        } catch {
          // The next attempt may succeed.
        }
      }
    })();
  }

  const provision = async ({ id, username: localpart, lockedAt }: User) => {
    const emails = state.emails.filter(({ userId }) => userId === id).map(({ email }) => email);
    await call('POST', 'provision_user', {
      localpart,
      locked: lockedAt !== null,
      ...(emails.length === 0 ? { unset_emails: true } : { set_emails: emails }),
    });
  };

  const syncDevices = async ({ id, username: localpart }: User) => {
    const devices = state.sessions
      .filter(({ userId, endedAt }) => userId === id && endedAt === null)
      .flatMap(({ deviceId }) => (deviceId === null ? [] : [deviceId]));
    await call('POST', 'sync_devices', { localpart, devices: [...new Set(devices)] });
  };

  return {
    connect(url: string): void {
      homeserverUrl = url;
    },
    stop(): void {
      stopping.abort();
    },

    /** Jobs wait until the function that this returns is called. */
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      released = promise;
      return resolve;
    },

    isAvailable: async (localpart: string) =>
      call('GET', `is_localpart_available?localpart=${encodeURIComponent(localpart)}`).then(
        () => true,
        () => false,
      ),
    create: async (localpart: string, displayName: string, avatarUrl?: string) =>
      call('POST', 'provision_user', {
        localpart,
        set_displayname: displayName,
        ...(avatarUrl === undefined ? {} : { set_avatar_url: avatarUrl }),
      }),
    addDevice: async (localpart: string, deviceId: string) =>
      call('POST', 'upsert_device', { localpart, device_id: deviceId }),
    reactivate: async (localpart: string) => call('POST', 'reactivate_user', { localpart }),

    provisionLater: (user: User) => later(async () => provision(user)),
    syncDevicesLater: (user: User) => later(async () => syncDevices(user)),
    deactivateLater: (user: User, erase: boolean) =>
      later(async () => {
        await syncDevices(user);
        await call('POST', 'delete_user', { localpart: user.username, erase });
      }),
  };
}

export type SynapseLink = ReturnType<typeof createSynapseLink>;
