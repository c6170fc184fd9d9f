import { HomeserverError, orUndefined } from '../core/errors.ts';
import type { AdminApi } from '../homeserver/admin/admin-api.ts';
import type { ScheduledTask, ScheduledTaskQuery } from '../homeserver/admin/server.ts';

/**
 * Synapse's own long-running tasks, oldest first; undefined if it keeps no list of them, as older
 * versions don't. GET /_synapse/admin/v1/scheduled_tasks
 *
 * @throws HomeserverError, UnreachableError
 */
export async function synapseTasks(
  { server }: Pick<AdminApi, 'server'>,
  query: ScheduledTaskQuery,
): Promise<ScheduledTask[] | undefined> {
  // Not `isNotFound`: an endpoint that doesn't exist is M_UNRECOGNIZED.
  return orUndefined(
    server.scheduledTasks(query),
    (error) => error instanceof HomeserverError && error.status === 404,
  );
}
