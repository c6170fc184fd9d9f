import { randomUUID } from 'node:crypto';

import { z } from 'zod';

import { HomeserverError, codeOf, isRefusedForGood } from '../../core/errors.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { sendEvent } from '../crypto/room-crypto.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';
import { readDirectState } from './direct-state.ts';

/** A message with a secret that is not redacted yet. */
interface Secret {
  readonly id: string;
  readonly room: RoomId;
  readonly user: UserId;
  readonly event: EventId | undefined;
  readonly dueAt: number;
}

/** Where these messages are listed, without their content. */
export interface SecretStore {
  add(secret: Omit<Secret, 'event'>): Promise<void>;
  sent(id: string, event: EventId): Promise<void>;
  remove(id: string): Promise<void>;
  all(): Promise<Secret[]>;
}

/** Somebody else is in a direct room with a secret. */
export interface Intrusion {
  readonly room: RoomId;
  readonly user: UserId;
  readonly others: readonly string[];
  /** Whether all secrets there have been redacted. */
  readonly isRemoved: boolean;
}

const retryMs = 30_000;
/** How many earlier messages are checked. */
const earlierLimit = 500;

const ownMessages = z.array(
  z.object({
    event_id: z.string().transform((id) => id as EventId),
    content: z.record(z.string(), z.unknown()),
  }),
);

type MessageContent = Record<string, unknown>;

/** Sends messages with secrets, and redacts them later. */
export interface Secrets {
  /**
   * Sends a secret. It is redacted `keepForMs` later, after a restart too.
   *
   * @param keepForMs for a secret that expires earlier than usual
   * @returns what redacts it at once
   */
  send(
    to: { room: RoomId; user: UserId },
    contentUntil: (dueAt: number) => MessageContent,
    keepForMs?: number,
  ): Promise<() => void>;
  /**
   * Redacts the bot's earlier messages in a room, as many as fit on one page. Older versions did not redact
   * secrets.
   *
   * @throws HomeserverError, UnreachableError they could not be read
   */
  removeEarlier(to: { room: RoomId; user: UserId }): Promise<void>;
  /** The rooms with a secret. */
  rooms(): readonly RoomId[];
  /** Checks who is in a room. If somebody else is, redacts its secrets and reports it. Never throws. */
  check(room: RoomId): Promise<void>;
  /** Redacts what is due, and checks the rooms again whose check failed. Never throws. */
  removeDue(): Promise<void>;
  /** Continues with the secrets that were sent before a restart. */
  start(): Promise<void>;
}

export function createSecrets(options: {
  readonly client: Pick<ClientApi, 'rooms' | 'events'>;
  readonly crypto: RoomCrypto;
  readonly store: SecretStore;
  readonly botUser: UserId;
  readonly keepForMs: number;
  readonly log: Log;
  /** Asks for a call of `removeDue` at this time. */
  readonly wakeAt: (at: number) => void;
  readonly onIntrusion: (intrusion: Intrusion) => Promise<void>;
}): Secrets {
  const { client, crypto, store, botUser, keepForMs, log, wakeAt, onIntrusion } = options;
  const pending = new Map<string, Secret>();
  const told = new Set<RoomId>();
  /** Rooms whose members are not known yet. */
  const unchecked = new Set<RoomId>();
  /** Redactions in flight: a room's change and a timer may want the same one. */
  const removing = new Map<string, Promise<boolean>>();

  /** Finds the event of a message that may have been sent: the same transaction ID gives the same event. */
  async function eventOf({ id, room, event }: Secret): Promise<EventId> {
    if (event !== undefined) {
      return event;
    }
    // If the message never arrived, this one does, and is redacted instead.
    const content = { msgtype: 'm.notice', body: 'A secret was not sent to you.' };
    return sendEvent({ client, crypto }, room, { type: 'm.room.message', content }, id);
  }

  /** Returns false if it must be tried again. */
  async function remove(secret: Secret): Promise<boolean> {
    try {
      const event = await eventOf(secret);
      await client.events.redact(
        secret.room,
        event,
        `${secret.id}-redact`,
        'It contained a secret',
      );
    } catch (error) {
      log.warn({ code: codeOf(error) }, 'a secret could not be removed from a direct room');
      const isGone = error instanceof HomeserverError && [403, 404].includes(error.status);
      if (!isGone) {
        return false;
      }
      // The bot was removed from the room, or the room was deleted: another attempt changes nothing.
      log.error({ room: secret.room }, 'a secret stays in a direct room that the bot can’t access');
    }
    await store.remove(secret.id);
    pending.delete(secret.id);
    return true;
  }

  async function removeOnce(secret: Secret): Promise<boolean> {
    const inFlight =
      removing.get(secret.id) ??
      remove(secret)
        .catch((error: unknown) => {
          log.warn({ code: codeOf(error) }, 'the removal of a secret could not be stored');
          return false;
        })
        .finally(() => removing.delete(secret.id));
    removing.set(secret.id, inFlight);
    return inFlight;
  }

  async function removeAll(secrets: readonly Secret[]): Promise<boolean> {
    let isWhole = true;
    for (const secret of secrets) {
      isWhole = (await removeOnce(secret)) && isWhole;
    }
    if (!isWhole) {
      wakeAt(Date.now() + retryMs);
    }
    return isWhole;
  }

  const inRoom = (room: RoomId) => [...pending.values()].filter((one) => one.room === room);

  async function othersIn(room: RoomId, user: UserId): Promise<string[]> {
    const { present } = readDirectState(await client.rooms.state(room), { user, botUser });
    return [...present].filter((member) => member !== user && member !== botUser);
  }

  async function check(room: RoomId): Promise<void> {
    const [first] = inRoom(room);
    if (first === undefined) {
      unchecked.delete(room);
      return;
    }
    try {
      const others = await othersIn(room, first.user);
      unchecked.delete(room);
      if (others.length === 0) {
        return;
      }
      const due = Date.now();
      // If they can't be redacted now, they stay due.
      inRoom(room).forEach((secret) => pending.set(secret.id, { ...secret, dueAt: due }));
      const isRemoved = await removeAll(inRoom(room));
      if (!told.has(room)) {
        told.add(room);
        await onIntrusion({ room, user: first.user, others, isRemoved });
      }
    } catch (error) {
      if (isRefusedForGood(error)) {
        unchecked.delete(room);
        await removeAll(inRoom(room));
        return;
      }
      unchecked.add(room);
      log.warn({ code: codeOf(error) }, 'the members of a direct room could not be read');
      wakeAt(Date.now() + retryMs);
    }
  }

  return {
    async send({ room, user }, contentUntil, neededForMs = keepForMs) {
      const id = randomUUID();
      const dueAt = Date.now() + Math.min(neededForMs, keepForMs);
      await store.add({ id, room, user, dueAt });
      const secret: Secret = { id, room, user, event: undefined, dueAt };
      pending.set(id, secret);
      try {
        const message = { type: 'm.room.message', content: contentUntil(dueAt) };
        const event = await sendEvent({ client, crypto }, room, message, id);
        pending.set(id, { ...secret, event });
        wakeAt(dueAt);
        await store.sent(id, event);
      } catch (error) {
        // The requester is told that the secret was lost. If it did arrive, it must not stay readable.
        pending.set(id, { ...(pending.get(id) ?? secret), dueAt: Date.now() });
        wakeAt(Date.now());
        throw error;
      }
      await check(room);
      return () => {
        const sent = pending.get(id);
        if (sent !== undefined) {
          pending.set(id, { ...sent, dueAt: Date.now() });
          wakeAt(Date.now());
        }
      };
    },

    async removeEarlier({ room, user }) {
      const { chunk } = await client.events.page(room, {
        limit: earlierLimit,
        senders: [botUser],
        types: ['m.room.message', 'm.room.encrypted'],
      });
      const earlier = ownMessages
        .parse(chunk)
        .filter(({ content }) => Object.keys(content).length > 0);
      const due = { room, user, dueAt: Date.now() };
      for (const { event_id: event } of earlier) {
        const known = [...pending.values()].find((one) => one.event === event);
        if (known === undefined) {
          const id = randomUUID();
          await store.add({ id, ...due });
          await store.sent(id, event);
          pending.set(id, { id, event, ...due });
        } else {
          pending.set(known.id, { ...known, ...due });
        }
      }
      wakeAt(Date.now());
    },

    rooms: () => [...new Set([...pending.values()].map(({ room }) => room))],

    check,

    async removeDue() {
      const now = Date.now();
      const secrets = [...pending.values()];
      await removeAll(secrets.filter(({ dueAt }) => dueAt <= now));
      for (const room of unchecked) {
        await check(room);
      }
      const next = Math.min(...secrets.map(({ dueAt }) => dueAt).filter((dueAt) => dueAt > now));
      if (Number.isFinite(next)) {
        wakeAt(next);
      }
    },

    async start() {
      for (const secret of await store.all()) {
        // The process ended before it knew whether this one arrived.
        const dueAt = secret.event === undefined ? 0 : secret.dueAt;
        pending.set(secret.id, { ...secret, dueAt });
        unchecked.add(secret.room);
        wakeAt(Date.now());
      }
    },
  };
}
