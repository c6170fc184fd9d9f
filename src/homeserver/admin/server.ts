import { z } from 'zod';

import { HomeserverError } from '../../core/errors.ts';
import { apiObject, bool, maybe } from '../decode.ts';
import type { SendRequest } from '../request.ts';

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

export const taskStatuses = ['scheduled', 'active', 'complete', 'failed', 'cancelled'] as const;

const scheduledTask = apiObject({
  id: z.string(),
  /** Such as `shutdown_and_purge_room`. */
  action: z.string(),
  status: z.enum(taskStatuses),
  /** When it was last changed, in milliseconds since 1970. */
  timestamp_ms: z.number(),
  /** The room or user that it is about. */
  resource_id: maybe(z.string()),
  /** The server's own words. */
  error: maybe(z.string()),
});

/** Long work of the server's: deleting a room, purging history, redacting a user's messages. */
export type ScheduledTask = z.output<typeof scheduledTask>;

export interface ScheduledTaskQuery {
  readonly action?: string | undefined;
  /** A room or user, exactly. */
  readonly resourceId?: string | undefined;
  readonly status?: readonly (typeof taskStatuses)[number][] | undefined;
}

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
     * Whether people can log in with a password; undefined if the server doesn't say, for example
     * because the admin API has an address of its own. GET /_matrix/client/v3/login
     *
     * @throws UnreachableError
     */
    async hasPasswordLogin(): Promise<boolean | undefined> {
      try {
        const { flows } = await send('GET', '/_matrix/client/v3/login', {
          answer: apiObject({ flows: z.array(apiObject({ type: z.string() })) }),
        });
        return flows.some(({ type }) => type === 'm.login.password');
      } catch (error) {
        if (error instanceof HomeserverError) {
          return undefined;
        }
        throw error;
      }
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

    /**
     * Long work of the last 7 days, the oldest first; no pages. It alone tells why a room's deletion
     * has failed. GET /_synapse/admin/v1/scheduled_tasks
     */
    async scheduledTasks(query: ScheduledTaskQuery = {}): Promise<ScheduledTask[]> {
      const answer = await send('GET', '/_synapse/admin/v1/scheduled_tasks', {
        query: { action_name: query.action, resource_id: query.resourceId, status: query.status },
        answer: apiObject({ scheduled_tasks: z.array(scheduledTask) }),
      });
      return answer.scheduledTasks;
    },
  };
}

export type ServerApi = ReturnType<typeof serverApi>;
