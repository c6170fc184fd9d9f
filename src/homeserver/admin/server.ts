import { z } from 'zod';

import { apiObject, bool, maybe, nothing } from '../decode.ts';
import type { SendRequest } from '../http.ts';

const backgroundUpdate = apiObject({
  name: z.string(),
  total_item_count: maybe(z.number()),
  total_duration_ms: maybe(z.number()),
  average_items_per_ms: maybe(z.number()),
});

const backgroundUpdateStatus = apiObject({
  enabled: bool,
  /** By database; empty if none is running. */
  current_updates: z.record(z.string(), backgroundUpdate).default({}),
});

export type BackgroundUpdateStatus = z.output<typeof backgroundUpdateStatus>;

export const taskStatuses = ['scheduled', 'active', 'complete', 'failed', 'cancelled'] as const;

const scheduledTask = apiObject({
  id: z.string(),
  /** For example `shutdown_and_purge_room`. */
  action: z.string(),
  status: z.enum(taskStatuses),
  /** When it last changed, in milliseconds since 1970. */
  timestamp_ms: z.number(),
  /** The room or user that it affects. */
  resource_id: maybe(z.string()),
  /** In the server's words. */
  error: maybe(z.string()),
});

/** A long-running task of the server: deleting a room, purging history, redacting a user's messages. */
export type ScheduledTask = z.output<typeof scheduledTask>;

export interface ScheduledTaskQuery {
  readonly action?: string | undefined;
  /** The exact ID of a room or user. */
  readonly resourceId?: string | undefined;
  readonly status?: readonly (typeof taskStatuses)[number][] | undefined;
}

/** The updates of the database that can be started by hand. */
export const updateJobs = [
  'populate_stats_process_rooms',
  'regenerate_directory',
  'event_resign',
] as const;

export type UpdateJob = (typeof updateJobs)[number];

/** The server itself. */
export function serverApi(send: SendRequest) {
  const enabledPath = '/_synapse/admin/v1/background_updates/enabled';

  return {
    /** Synapse's version, such as `1.163.2`. GET /_synapse/admin/v1/server_version */
    async version(): Promise<string> {
      const answer = await send('GET', '/_synapse/admin/v1/server_version', {
        answer: apiObject({ server_version: z.string() }),
      });
      return answer.serverVersion;
    },

    /**
     * Whether background updates of the database are enabled.
     * GET /_synapse/admin/v1/background_updates/enabled
     */
    async backgroundUpdatesEnabled(): Promise<boolean> {
      return (await send('GET', enabledPath, { answer: apiObject({ enabled: bool }) })).enabled;
    },

    /**
     * Pauses or resumes background updates of the database, until the server restarts. Idempotent.
     * POST /_synapse/admin/v1/background_updates/enabled
     *
     * @returns whether they are enabled now
     */
    async setBackgroundUpdatesEnabled(value: boolean): Promise<boolean> {
      const answer = await send('POST', enabledPath, {
        body: { enabled: value },
        answer: apiObject({ enabled: bool }),
      });
      return answer.enabled;
    },

    /** The background updates that are running. GET /_synapse/admin/v1/background_updates/status */
    async backgroundUpdateStatus(): Promise<BackgroundUpdateStatus> {
      return send('GET', '/_synapse/admin/v1/background_updates/status', {
        answer: backgroundUpdateStatus,
      });
    },

    /**
     * Adds an update of the database to those that the server runs one after the other.
     * POST /_synapse/admin/v1/background_updates/start_job
     *
     * @throws HomeserverError 400 it has not ended yet since the last time, or the server doesn't know it
     */
    async startBackgroundUpdate(job: UpdateJob): Promise<void> {
      return send('POST', '/_synapse/admin/v1/background_updates/start_job', {
        body: { job_name: job },
        answer: nothing,
      });
    },

    /**
     * Long-running tasks of the last 7 days, oldest first, without pages. Only this endpoint says why the
     * deletion of a room failed. GET /_synapse/admin/v1/scheduled_tasks
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
