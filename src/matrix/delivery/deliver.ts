import { setTimeout as wait } from 'node:timers/promises';

import { createBackoff } from '../../core/async/backoff.ts';
import { createKeyedQueue } from '../../core/async/keyed-queue.ts';
import { createSerialQueue } from '../../core/async/serial-queue.ts';
import { ForeignAnswerError, HomeserverError, LawspeakerError } from '../../core/errors.ts';
import type { EventId, RoomId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { retryDelay } from '../../homeserver/http-retries.ts';
import { cardEvent } from '../../operations/answer/card.ts';
import type { Outgoing } from '../../operations/answer/reply.ts';
import { isSynthetic } from '../../operations/management-room.ts';
import { sendEvent } from '../crypto/room-crypto.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';
import { alertContent, editContent, fileBytes, fileContent, replyContent } from './content.ts';
import type { WatchedSendPermission } from './send-permission.ts';

/** A message in the outbox that is not delivered yet. */
interface Pending {
  readonly id: number;
  readonly eventId: string;
  readonly transactionId: string;
  /** An `Outgoing` as JSON. */
  readonly message: string;
}

/** What delivering needs of the outbox table. */
interface OutboxStore {
  open(eventId?: string): Promise<Pending[]>;
  /** @param how.isFinal it ends a command: what it reports must be on the disk now, if it isn't yet */
  markDelivered(
    id: number,
    sentEventId: string | null,
    at: number,
    how: { readonly isFinal: boolean },
  ): Promise<void>;
  giveUp(id: number, at: number): Promise<void>;
  sentEvent(eventId: string, part: string, since?: number): Promise<string | undefined>;
}

interface Delivery {
  /** Sends the pending messages of this command, or of all commands. Returns at once. */
  deliver(eventId?: string): void;
  /** Sends without the outbox, for when the database can't be written. */
  sendNow(outgoing: Outgoing, transactionId: string): Promise<void>;
  /** Resolves when the next message of the outbox is sent or given up. */
  next(): Promise<void>;
  /** Resolves when nothing that can be sent is pending. */
  idle(): Promise<void>;
}

const firstRetryMs = 500;
const maxRetryMs = 30_000;
/** After this many errors (a quarter of an hour), the server will never accept the message. */
const maxRefusals = 35;
/** A message that is forbidden this often, while others are accepted, is itself the cause. */
const maxPermissionLosses = 2;

/**
 * Sends the messages of the outbox: in order for each command, side by side for different commands. Tries
 * with the same transaction ID until the homeserver accepts a message or says that it never will.
 *
 * Messages that answer no command, such as cards, are sent one at a time: Synapse sends the messages of a
 * room one after another, and an answer would have to wait for all of them.
 */
export function createDelivery(options: {
  client: Pick<ClientApi, 'events' | 'media'>;
  crypto: RoomCrypto;
  outbox: OutboxStore;
  /** The management room. */
  room: RoomId;
  /** When the bot moved into that room: older events are in another room, so nothing can relate to them. */
  since: number;
  prefix: string;
  log: Log;
  signal: AbortSignal;
  sendPermission: WatchedSendPermission;
}): Delivery {
  const { client, crypto, outbox, prefix, log, signal, sendPermission, room, since } = options;
  const { maxContentBytes } = crypto;
  const queue = createKeyedQueue();
  const unasked = createSerialQueue();
  let starting: Promise<void> = Promise.resolve();
  let nextDelivery = Promise.withResolvers<void>();

  async function markDelivered(
    id: number,
    sentEventId: string | null,
    outgoing: Outgoing,
  ): Promise<void> {
    // A confirmation was on the disk before it was sent.
    const isFinal = 'reply' in outgoing && outgoing.reply.status !== 'pending';
    await outbox.markDelivered(id, sentEventId, Date.now(), { isFinal });
    announceDelivery();
  }

  async function giveUp(id: number): Promise<void> {
    await outbox.giveUp(id, Date.now());
    announceDelivery();
  }

  function announceDelivery(): void {
    nextDelivery.resolve();
    nextDelivery = Promise.withResolvers();
  }

  async function send(outgoing: Outgoing, transactionId: string): Promise<EventId | null> {
    const origin = await placed(outgoing.origin);
    const inTurn = async (request: () => Promise<EventId>) =>
      isSynthetic(outgoing.origin.event) ? unasked.run(request) : request();
    const put = async (type: string, content: Record<string, unknown>) =>
      inTurn(async () =>
        sendEvent({ client, crypto }, origin.room, { type, content }, transactionId),
      );
    const sent = async (part: string) =>
      (await outbox.sentEvent(origin.event, part, since)) as EventId | undefined;
    switch (outgoing.kind) {
      case 'reply':
        return put('m.room.message', replyContent(outgoing.reply, origin, prefix, maxContentBytes));
      case 'alert':
        return put(
          'm.room.message',
          alertContent(outgoing.reply, outgoing.mentions, origin, prefix, maxContentBytes),
        );
      case 'file': {
        const packed = await crypto.packFile(origin.room, {
          name: outgoing.file.name,
          contentType: outgoing.file.contentType,
          bytes: fileBytes(outgoing.file),
        });
        const location = packed.location(await client.media.upload(packed));
        return put('m.room.message', fileContent(outgoing.file, location, origin));
      }
      case 'edit': {
        const original = await sent('answer');
        return put(
          'm.room.message',
          // If the confirmation never reached the room, its outcome becomes the answer.
          original === undefined
            ? replyContent(outgoing.reply, origin, prefix, maxContentBytes)
            : editContent(outgoing.reply, original, prefix, maxContentBytes),
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
          : inTurn(async () => client.events.redact(origin.room, target, transactionId));
      }
    }
  }

  /** Puts what belongs to a report into the thread of its card, once the card is in the room. */
  async function placed(origin: Outgoing['origin']): Promise<Outgoing['origin']> {
    if (origin.room !== room) {
      // The command is in a room that this one has replaced. Event IDs hold no blanks, so this is not one.
      return { event: '$ earlier room' as EventId, room };
    }
    if (origin.card === undefined) {
      return origin;
    }
    const card = cardEvent(origin.card);
    if (card !== origin.event) {
      await queue.idle(card);
    }
    const thread = (await outbox.sentEvent(card, 'answer', since)) as EventId | undefined;
    return thread === undefined ? origin : { inReplyTo: thread, ...origin, thread };
  }

  /** Returns false if the bot stops first. */
  async function sendUntilAccepted(pending: Pending): Promise<boolean> {
    const backoff = createBackoff({ firstMs: firstRetryMs, maxMs: maxRetryMs });
    let permissionLosses = 0;
    let kind: Outgoing['kind'] | undefined;
    for (let tries = 1; ; tries += 1) {
      try {
        const outgoing = JSON.parse(pending.message) as Outgoing;
        kind = outgoing.kind;
        const event = await send(outgoing, pending.transactionId);
        await markDelivered(pending.id, event, outgoing);
        return true;
      } catch (error) {
        if (signal.aborted) {
          throw error;
        }
        if (!(error instanceof LawspeakerError)) {
          // A fault in the bot comes again at every attempt, and would hold up the messages behind it.
          log.error({ err: error }, 'an answer could not be made');
          await giveUp(pending.id);
          return true;
        }
        if (isPermissionLoss(error, kind) && permissionLosses < maxPermissionLosses) {
          permissionLosses += 1;
          sendPermission.lost(error.message);
          if (await sendPermission.granted()) {
            continue;
          }
          return false;
        }
        if (isFinal(error) || (tries >= maxRefusals && isRefusal(error))) {
          log.error({ code: error.code }, 'the homeserver refused an answer');
          await giveUp(pending.id);
          return true;
        }
        const delayMs = retryDelay(error, backoff.next());
        log.warn({ code: error.code, delayMs }, 'an answer could not be sent, trying again');
        await wait(delayMs, undefined, { signal });
      }
    }
  }

  async function sendAll(eventId: string): Promise<void> {
    // The next round finds what was added in the meantime.
    for (;;) {
      const pending = await outbox.open(eventId);
      if (pending.length === 0) {
        return;
      }
      for (const one of pending) {
        if (!(await sendUntilAccepted(one))) {
          return;
        }
      }
    }
  }

  function start(eventId: string): void {
    queue.add(eventId, async () =>
      sendAll(eventId).catch((error: unknown) => {
        if (!signal.aborted) {
          log.error({ err: error }, 'an answer could not be delivered');
        }
      }),
    );
  }

  return {
    deliver(eventId) {
      if (eventId !== undefined) {
        start(eventId);
        return;
      }
      starting = outbox.open().then(
        (pending) => new Set(pending.map((one) => one.eventId)).forEach(start),
        (error: unknown) => log.error({ err: error }, 'the outbox can’t be read'),
      );
    },

    async sendNow(outgoing, transactionId) {
      await send(outgoing, transactionId);
    },

    next: async () => nextDelivery.promise,

    async idle() {
      await starting;
      await queue.idle();
    },
  };
}

/** Whether an error means that the bot may not send messages at all. */
function isPermissionLoss(error: LawspeakerError, kind: Outgoing['kind'] | undefined): boolean {
  return (
    error instanceof HomeserverError &&
    error.status === 403 &&
    kind !== 'reaction' &&
    kind !== 'withdraw'
  );
}

/** A refusal that another attempt can't change. */
function isFinal(error: LawspeakerError): boolean {
  return (
    error instanceof HomeserverError &&
    error.status >= 400 &&
    error.status < 500 &&
    error.status !== 429 &&
    error.status !== 401
  );
}

/**
 * Whether something answers and does not accept the message. That includes a proxy, which may change its
 * answer, for example about a large file.
 */
function isRefusal(error: LawspeakerError): boolean {
  return (
    error instanceof HomeserverError ||
    (error instanceof ForeignAnswerError && error.status >= 400 && error.status < 500)
  );
}
