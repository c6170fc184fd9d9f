import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { BotAccount } from '../bot/bot-operations.ts';
import type { DirectRooms } from '../rooms/direct-rooms.ts';
import { planRedaction } from './event-redaction-plan.ts';
import { reconcileRedaction, redactEvent } from './event-redaction.ts';
import { reconcileSuspendedRedaction, redactSuspended } from './suspended-redaction.ts';
import type { SuspendedRedactionRequest } from './suspended-redaction.ts';
import { findSent, findShares, reconcileUserRedaction, redactUser } from './user-redaction.ts';
import type { RedactionOptions, RoomShare, UserRedactionRequest } from './user-redaction.ts';

interface EventInRoom {
  readonly room: RoomId;
  readonly event: EventId;
}

/** Removing the content of messages: of one, or of all that a user has sent. */
export function createRedactionService(parts: {
  readonly api: Pick<AdminApi, 'events' | 'redactions' | 'rooms' | 'server' | 'users'>;
  readonly botAccount: Pick<BotAccount, 'redact'>;
  readonly directRooms: DirectRooms;
  readonly botUser: UserId;
  readonly serverName: string;
}) {
  const { api, botAccount, directRooms, botUser, serverName } = parts;
  const targetOf = ({ room, event }: EventInRoom) => ({
    room,
    event,
    botUser,
    serverName,
    isDirectRoom: directRooms.has,
  });
  return {
    plan: async (target: EventInRoom) => planRedaction(api, targetOf(target)),

    redact: async (
      target: EventInRoom,
      asked: { readonly reason: string | undefined; readonly by: EventId },
    ) => redactEvent(api, botAccount, targetOf(target), asked),

    reconcile: async (target: EventInRoom) => reconcileRedaction(api, target),

    findSentBy: async (request: UserRedactionRequest) => findSent({ api, directRooms }, request),

    /** The same, but empty if there is nothing to redact. */
    findShares: async (request: UserRedactionRequest): Promise<readonly RoomShare[]> =>
      (await findShares({ api, directRooms }, request)).shares,

    /** Starts to redact what an account has sent, even if it is suspended. */
    redactSuspended: async (
      request: SuspendedRedactionRequest,
      options: Parameters<typeof redactSuspended>[2],
    ) => redactSuspended({ api, directRooms }, request, options),

    reconcileSuspended: async (
      request: SuspendedRedactionRequest,
      options: Parameters<typeof reconcileSuspendedRedaction>[2],
    ) => reconcileSuspendedRedaction({ api, directRooms }, request, options),

    redactUser: async (request: UserRedactionRequest, options: RedactionOptions) =>
      redactUser({ api, directRooms }, request, options),

    reconcileUser: async (request: UserRedactionRequest, redactId: string | undefined) =>
      reconcileUserRedaction({ api, directRooms }, request, redactId),
  };
}

export type RedactionService = ReturnType<typeof createRedactionService>;
