import { z } from 'zod';

import type { RoomId } from '../../core/ids.ts';
import { apiObject, maybe } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';

const purgeStatus = apiObject({
  /** `active` also while it waits for its turn. */
  status: z.enum(['active', 'complete', 'failed']),
  /** In the server's words. */
  error: maybe(z.string()),
});

/** The progress of a purge. */
type PurgeStatus = z.output<typeof purgeStatus>;

/** Purges of old history, by `/_synapse/admin/v1/purge_history`. */
export function historyPurgesApi(send: SendRequest) {
  return {
    /**
     * Starts to delete the events of a room from the database that this server received before a time. The
     * last of them stays, as do the newest event, the state of the room, and by default what local users sent.
     * POST /_synapse/admin/v1/purge_history/{room_id}
     *
     * @param beforeTs milliseconds since 1970
     * @param options.deleteLocal also delete what local users sent, of which no other server may have a copy
     * @returns the ID for `status`
     * @throws HomeserverError 404 the room has no event that is older, or is unknown
     */
    async start(
      room: RoomId,
      beforeTs: number,
      options: { readonly deleteLocal: boolean },
    ): Promise<string> {
      const answer = await send('POST', '/_synapse/admin/v1/purge_history/{room_id}', {
        path: { room_id: room },
        body: { purge_up_to_ts: beforeTs, delete_local_events: options.deleteLocal },
        answer: apiObject({ purge_id: z.string() }),
      });
      return answer.purgeId;
    },

    /**
     * The progress of a purge; undefined if the server does not know it. It forgets purges after 7 days.
     * GET /_synapse/admin/v1/purge_history_status/{purge_id}
     */
    async status(purgeId: string): Promise<PurgeStatus | undefined> {
      return ifFound(async () =>
        send('GET', '/_synapse/admin/v1/purge_history_status/{purge_id}', {
          path: { purge_id: purgeId },
          answer: purgeStatus,
        }),
      );
    },
  };
}
