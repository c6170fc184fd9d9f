import { setTimeout as wait } from 'node:timers/promises';

import { ForeignAnswerError, HomeserverError, LawspeakerError } from '../../core/errors.ts';
import type { EventId, RoomId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { retryDelay } from '../../homeserver/http.ts';
import { cardEvent } from '../../operations/answer/card.ts';
import type { Outgoing } from '../../operations/answer/reply.ts';
import { sendEvent } from '../crypto/room-crypto.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';
import { alertContent, editContent, fileContent, replyContent } from './content.ts';
import type { WatchedSendPermission } from './send-permission.ts';

interface Waiting {
  readonly id: number;
  readonly eventId: string;
  readonly transactionId: string;
  /** An `Outgoing` as JSON. */
  readonly message: string;
}

/** What delivering needs of the outbox table. */
export interface OutboxStore {
  open(eventId?: string): Promise<Waiting[]>;
  markDelivered(id: number, sentEventId: string | null, at: number): Promise<void>;
  sentEvent(eventId: string, stage: string, since?: number): Promise<string | undefined>;
}

export interface Delivery {
  /** Sends what waits for this command, or for all; returns at once. */
  deliver(eventId?: string): void;
  /** Sends past the outbox, for the time when the database can't be written. */
  sendNow(outgoing: Outgoing, transactionId: string): Promise<void>;
  /** Resolves when the next message of the outbox is sent or given up. */
  next(): Promise<void>;
  /** Resolves when nothing that can be sent is waiting. */
  idle(): Promise<void>;
}

const firstRetryMs = 500;
const maxRetryMs = 30_000;
/** A server that answers this often with an error (a quarter of an hour) will never take it. */
const maxRefusals = 35;
/** A message that is refused so often, while others are not, is at fault itself. */
const maxSilenced = 2;

/**
 * Sends what stands in the outbox: for each command in order, for different commands side by side.
 * Tries until the homeserver takes it, under the same transaction ID, or says that it never will.
 */
export function createDelivery(options: {
  client: Pick<ClientApi, 'events' | 'media'>;
  crypto: RoomCrypto;
  outbox: OutboxStore;
  /** The management room, and since when it is in use: no event can relate to one of another room. */
  room: RoomId;
  since: number;
  prefix: string;
  log: Log;
  signal: AbortSignal;
  sendPermission: WatchedSendPermission;
}): Delivery {
  const { client, crypto, outbox, prefix, log, signal, sendPermission, room, since } = options;
  const { largestContent } = crypto;
  const inFlight = new Map<string, Promise<void>>();
  let looking: Promise<void> = Promise.resolve();
  let settling = Promise.withResolvers<void>();

  async function markDelivered(id: number, sentEventId: string | null): Promise<void> {
    await outbox.markDelivered(id, sentEventId, Date.now());
    settling.resolve();
    settling = Promise.withResolvers();
  }

  async function send(outgoing: Outgoing, transactionId: string): Promise<EventId | null> {
    const origin = await placed(outgoing.origin);
    const put = async (type: string, content: Record<string, unknown>) =>
      sendEvent({ client, crypto }, origin.room, { type, content }, transactionId);
    const sent = async (stage: string) =>
      (await outbox.sentEvent(origin.event, stage, since)) as EventId | undefined;
    switch (outgoing.kind) {
      case 'reply':
        return put('m.room.message', replyContent(outgoing.reply, origin, prefix, largestContent));
      case 'alert':
        return put(
          'm.room.message',
          alertContent(outgoing.reply, outgoing.mentions, origin, prefix, largestContent),
        );
      case 'file': {
        const packed = await crypto.packFile(origin.room, outgoing.file);
        const location = packed.location(await client.media.upload(packed));
        return put('m.room.message', fileContent(outgoing.file, location, origin));
      }
      case 'edit': {
        const original = await sent('answer');
        return put(
          'm.room.message',
          // Where the confirmation never reached the room, its outcome is the answer.
          original === undefined
            ? replyContent(outgoing.reply, origin, prefix, largestContent)
            : editContent(outgoing.reply, original, prefix, largestContent),
        );
      }
      case 'reaction': {
        const target = await sent('answer');
        return target === undefined
          ? null
          : put('m.reaction', {
              'm.relates_to': { rel_type: 'm.annotation', event_id: target, key: outgoing.key },
            });
      }
      case 'withdraw': {
        const target = await sent(outgoing.stage);
        return target === undefined
          ? null
          : client.events.redact(origin.room, target, transactionId);
      }
    }
  }

  /** What belongs to a report stands in the thread of its card, once the room has that. */
  async function placed(origin: Outgoing['origin']): Promise<Outgoing['origin']> {
    if (origin.room !== room) {
      // The command is in a room that this one has replaced. No event of a room: those hold no blanks.
      return { event: '$ earlier room' as EventId, room };
    }
    if (origin.card === undefined) {
      return origin;
    }
    const card = cardEvent(origin.card);
    if (card !== origin.event) {
      await inFlight.get(card);
    }
    const thread = (await outbox.sentEvent(card, 'answer', since)) as EventId | undefined;
    return thread === undefined ? origin : { inReplyTo: thread, ...origin, thread };
  }

  /** Returns false if the bot stops first. */
  async function sendUntilTaken(waiting: Waiting): Promise<boolean> {
    let delayMs = firstRetryMs;
    let silenced = 0;
    let kind: Outgoing['kind'] | undefined;
    for (let tries = 1; ; tries += 1) {
      try {
        const outgoing = JSON.parse(waiting.message) as Outgoing;
        kind = outgoing.kind;
        const event = await send(outgoing, waiting.transactionId);
        await markDelivered(waiting.id, event);
        return true;
      } catch (error) {
        if (signal.aborted) {
          throw error;
        }
        if (!(error instanceof LawspeakerError)) {
          // A fault of ours comes again at every try, and would keep back what stands behind it.
          log.error({ err: error }, 'an answer could not be made');
          await markDelivered(waiting.id, null);
          return true;
        }
        if (isSilencing(error, kind) && silenced < maxSilenced) {
          silenced += 1;
          sendPermission.lost(error.message);
          if (await sendPermission.mayAct()) {
            continue;
          }
          return false;
        }
        if (isFinal(error) || (tries >= maxRefusals && isRefusal(error))) {
          log.error({ code: error.code }, 'an answer was refused');
          await markDelivered(waiting.id, null);
          return true;
        }
        const waitMs = retryDelay(error, delayMs);
        log.warn({ code: error.code, delayMs: waitMs }, 'an answer waits for the homeserver');
        await wait(waitMs, undefined, { signal });
        delayMs = Math.min(delayMs * 2, maxRetryMs);
      }
    }
  }

  async function sendAll(eventId: string): Promise<void> {
    // What is added meanwhile is found by the next round.
    for (;;) {
      const waiting = await outbox.open(eventId);
      if (waiting.length === 0) {
        return;
      }
      for (const one of waiting) {
        if (!(await sendUntilTaken(one))) {
          return;
        }
      }
    }
  }

  function start(eventId: string): void {
    const before = inFlight.get(eventId) ?? Promise.resolve();
    const task = before
      .then(async () => sendAll(eventId))
      .catch((error: unknown) => {
        if (!signal.aborted) {
          log.error({ err: error }, 'an answer could not be delivered');
        }
      })
      .finally(() => {
        if (inFlight.get(eventId) === task) {
          inFlight.delete(eventId);
        }
      });
    inFlight.set(eventId, task);
  }

  return {
    deliver(eventId) {
      if (eventId !== undefined) {
        start(eventId);
        return;
      }
      looking = outbox.open().then(
        (waiting) => new Set(waiting.map((one) => one.eventId)).forEach(start),
        (error: unknown) => log.error({ err: error }, 'the outbox can’t be read'),
      );
    },

    async sendNow(outgoing, transactionId) {
      await send(outgoing, transactionId);
    },

    next: async () => settling.promise,

    async idle() {
      await looking;
      while (inFlight.size > 0) {
        await Promise.all(inFlight.values());
      }
    },
  };
}

/** The bot may not send messages at all, as far as this one tells. */
function isSilencing(error: LawspeakerError, kind: Outgoing['kind'] | undefined): boolean {
  return (
    error instanceof HomeserverError &&
    error.status === 403 &&
    kind !== 'reaction' &&
    kind !== 'withdraw'
  );
}

/** A refusal that another try can't change. */
function isFinal(error: LawspeakerError): boolean {
  return (
    error instanceof HomeserverError &&
    error.status >= 400 &&
    error.status < 500 &&
    error.status !== 429 &&
    error.status !== 401
  );
}

/** Somebody answers, and does not take it: also a proxy, whose word can change, say for a large file. */
function isRefusal(error: LawspeakerError): boolean {
  return (
    error instanceof HomeserverError ||
    (error instanceof ForeignAnswerError && error.status >= 400 && error.status < 500)
  );
}
