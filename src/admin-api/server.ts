import { z } from 'zod';

import { apiObject, bool, maybe } from './decode.ts';
import type { SendRequest } from './request.ts';

const backgroundUpdate = apiObject({
  name: z.string(),
  total_item_count: maybe(z.number()),
  total_duration_ms: maybe(z.number()),
  average_items_per_ms: maybe(z.number()),
});

const backgroundUpdateStatus = apiObject({
  enabled: bool,
  /** By database; empty when none runs. */
  current_updates: z.record(z.string(), backgroundUpdate).default({}),
});

export type BackgroundUpdateStatus = z.output<typeof backgroundUpdateStatus>;

/** The server itself. */
export function serverApi(send: SendRequest) {
  const enabled = '/_synapse/admin/v1/background_updates/enabled';

  return {
    /** Synapse's version, such as `1.163.2`. GET /_synapse/admin/v1/server_version */
    async version(): Promise<string> {
      const answer = await send('GET', '/_synapse/admin/v1/server_version', {
        answer: apiObject({ server_version: z.string() }),
      });
      return answer.serverVersion;
    },

    /**
     * Whether updates of the database go on in the background.
     * GET /_synapse/admin/v1/background_updates/enabled
     */
    async backgroundUpdatesEnabled(): Promise<boolean> {
      return (await send('GET', enabled, { answer: apiObject({ enabled: bool }) })).enabled;
    },

    /**
     * Stops updates of the database, or lets them go on; until the server's restart. Idempotent.
     * POST /_synapse/admin/v1/background_updates/enabled
     *
     * @returns whether they go on now
     */
    async setBackgroundUpdatesEnabled(value: boolean): Promise<boolean> {
      const answer = await send('POST', enabled, {
        body: { enabled: value },
        answer: apiObject({ enabled: bool }),
      });
      return answer.enabled;
    },

    /** Which updates run now. GET /_synapse/admin/v1/background_updates/status */
    async backgroundUpdateStatus(): Promise<BackgroundUpdateStatus> {
      return send('GET', '/_synapse/admin/v1/background_updates/status', {
        answer: backgroundUpdateStatus,
      });
    },
  };
}

export type ServerApi = ReturnType<typeof serverApi>;
