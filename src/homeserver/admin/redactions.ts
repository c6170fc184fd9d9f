import { z } from 'zod';

import type { RoomId, UserId } from '../../core/ids.ts';
import { apiObject } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';

/** The event types that redacting a user removes: messages, encrypted events, and memberships. */
export const redactableTypes = ['m.room.message', 'm.room.encrypted', 'm.room.member'] as const;

export interface UserRedaction {
  /** Not empty: the server would take an empty list for all rooms of the user. */
  readonly rooms: readonly [RoomId, ...RoomId[]];
  readonly reason?: string | undefined;
  /** Milliseconds since 1970, 1 or more; inclusive. */
  readonly afterTs?: number | undefined;
  readonly beforeTs?: number | undefined;
  /** How many events per room, the latest first, counting redacted ones; 1000 by default. */
  readonly limit?: number | undefined;
}

const redactionStatus = z.discriminatedUnion('status', [
  z.object({ status: z.literal('scheduled') }),
  z.object({ status: z.literal('active') }),
  apiObject({
    status: z.literal('complete'),
    /** By event ID, why it was not redacted, in the server's words. */
    failed_redactions: z.record(z.string(), z.string()).default({}),
  }),
  z.object({ status: z.literal('failed'), error: z.string().default('') }),
]);

/** `complete` does not mean that all events were redacted. */
export type UserRedactionStatus = z.output<typeof redactionStatus>;

/** Redacting a user's events, by `/_synapse/admin/v1/user`. */
export function redactionsApi(send: SendRequest) {
  return {
    /**
     * Starts to redact a user's events, in the name of the user if they are on this server, otherwise of
     * the caller. Works for users who have left, were banned or are deactivated. Accepts unknown users.
     * POST /_synapse/admin/v1/user/{user_id}/redact
     *
     * @returns the ID for `status`
     * @throws HomeserverError 400 another redaction of this user is running
     * @throws RangeError the server would ignore this time or limit
     */
    async start(user: UserId, redaction: UserRedaction): Promise<string> {
      const { rooms, reason, afterTs, beforeTs, limit } = redaction;
      if ([afterTs, beforeTs, limit].some((number) => number !== undefined && number < 1)) {
        throw new RangeError('0 would mean no limit at all');
      }
      const answer = await send('POST', '/_synapse/admin/v1/user/{user_id}/redact', {
        path: { user_id: user },
        body: { rooms, reason, after_ts: afterTs, before_ts: beforeTs, limit },
        answer: apiObject({ redact_id: z.string() }),
      });
      return answer.redactId;
    },

    /**
     * The progress of a redaction; undefined if the server does not know it. It forgets redactions after
     * 7 days. GET /_synapse/admin/v1/user/redact_status/{redact_id}
     */
    async status(redactId: string): Promise<UserRedactionStatus | undefined> {
      return ifFound(async () =>
        send('GET', '/_synapse/admin/v1/user/redact_status/{redact_id}', {
          path: { redact_id: redactId },
          answer: redactionStatus,
        }),
      );
    },
  };
}
