import { z } from 'zod';

import type { RoomId, UserId } from '../../core/ids.ts';
import { apiObject } from '../decode.ts';
import { orUndefined } from '../request.ts';
import type { SendRequest } from '../request.ts';

/** What a user's redaction takes: messages, encrypted ones, and joins. Nothing else. */
export const redactableTypes = ['m.room.message', 'm.room.encrypted', 'm.room.member'] as const;

export interface UserRedaction {
  /** Not empty: for the server none would mean all that the user is in. */
  readonly rooms: readonly [RoomId, ...RoomId[]];
  readonly reason?: string | undefined;
  /** Milliseconds since 1970, 1 or more: events of this very time are among them. */
  readonly afterTs?: number | undefined;
  readonly beforeTs?: number | undefined;
  /** So many a room, those received last; redacted ones are counted too. 1000 where left out. */
  readonly limit?: number | undefined;
}

const redactionStatus = z.discriminatedUnion('status', [
  z.object({ status: z.literal('scheduled') }),
  z.object({ status: z.literal('active') }),
  apiObject({
    status: z.literal('complete'),
    /** Why not, in the server's own words, by event ID. */
    failed_redactions: z.record(z.string(), z.string()).default({}),
  }),
  z.object({ status: z.literal('failed'), error: z.string().default('') }),
]);

/** `complete` says nothing of whether all were redacted. */
export type UserRedactionStatus = z.output<typeof redactionStatus>;

/** Redacting what a user has sent, by `/_synapse/admin/v1/user`. */
export function redactionsApi(send: SendRequest) {
  return {
    /**
     * Begins to redact a user's events, in the name of the user where that is of this server, else of
     * the caller. It works for who has left, was banned or is deactivated. Unknown users are accepted.
     * POST /_synapse/admin/v1/user/{user_id}/redact
     *
     * @returns the ID to ask `status` for
     * @throws HomeserverError 400 a redaction of this user's is under way
     * @throws RangeError a time or limit that the server takes for none
     */
    async start(user: UserId, redaction: UserRedaction): Promise<string> {
      const { rooms, reason, afterTs, beforeTs, limit } = redaction;
      if ([afterTs, beforeTs, limit].some((number) => number !== undefined && number < 1)) {
        throw new RangeError('0 would mean no bound at all');
      }
      const answer = await send('POST', '/_synapse/admin/v1/user/{user_id}/redact', {
        path: { user_id: user },
        body: { rooms, reason, after_ts: afterTs, before_ts: beforeTs, limit },
        answer: apiObject({ redact_id: z.string() }),
      });
      return answer.redactId;
    },

    /**
     * How far it is; undefined where the server does not know it (any more: it keeps them for 7
     * days). GET /_synapse/admin/v1/user/redact_status/{redact_id}
     */
    async status(redactId: string): Promise<UserRedactionStatus | undefined> {
      return orUndefined(async () =>
        send('GET', '/_synapse/admin/v1/user/redact_status/{redact_id}', {
          path: { redact_id: redactId },
          answer: redactionStatus,
        }),
      );
    },
  };
}

export type RedactionsApi = ReturnType<typeof redactionsApi>;
