import { randomUUID } from 'node:crypto';

import { z } from 'zod';

import { HomeserverError, codeOf } from '../../core/errors.ts';
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

/** Where these messages are remembered; what they say never is. */
export interface SecretStore {
  add(secret: Omit<Secret, 'event'>): Promise<void>;
  sent(id: string, event: EventId): Promise<void>;
  remove(id: string): Promise<void>;
  all(): Promise<Secret[]>;
}

/** Somebody else was found in a direct room in which a secret stood. */
export interface Intrusion {
  readonly room: RoomId;
  readonly user: UserId;
  readonly others: readonly string[];
  /** Whether all secrets there are redacted by now. */
  readonly isRemoved: boolean;
}

const retryMs = 30_000;
/** The number of former messages that are looked at. */
const earlierLimit = 500;

const ownMessages = z.array(
  z.object({
    event_id: z.string().transform((id) => id as EventId),
    content: z.record(z.string(), z.unknown()),
  }),
);

type MessageContent = Record<string, unknown>;

/** Sends messages with secrets, and takes them away again. */
export interface Secrets {
  /** Sends one. It is redacted `keepForMs` later, also by another process. */
  send(
    to: { room: RoomId; user: UserId },
    contentUntil: (dueAt: number) => MessageContent,
  ): Promise<void>;
  /**
   * Redacts what the bot has said in a room so far, as far back as one page reaches: it was not redacted
   * by itself in former versions.
   *
   * @throws HomeserverError, UnreachableError it could not be read
   */
  removeEarlier(to: { room: RoomId; user: UserId }): Promise<void>;
  /** The rooms in which a secret stands. */
  rooms(): readonly RoomId[];
  /** Looks who is in a room; redacts its secrets and tells if somebody else is. Never throws. */
  check(room: RoomId): Promise<void>;
  /** Redacts what is due, and looks again where that failed. Never throws. */
  removeDue(): Promise<void>;
  /** Takes up what was sent before a restart. */
  start(): Promise<void>;
}

export function createSecrets(options: {
  readonly client: Pick<ClientApi, 'rooms' | 'events'>;
  readonly crypto: RoomCrypto;
  readonly store: SecretStore;
  readonly botUser: UserId;
  readonly keepForMs: number;
  readonly log: Log;
  /** `removeDue` is to be called then. */
  readonly wakeAt: (at: number) => void;
  readonly onIntrusion: (intrusion: Intrusion) => Promise<void>;
}): Secrets {
  const { client, crypto, store, botUser, keepForMs, log, wakeAt, onIntrusion } = options;
  const standing = new Map<string, Secret>();
  const told = new Set<RoomId>();
  /** Rooms of which it has to be found out who is in them. */
  const unchecked = new Set<RoomId>();
  /** Redactions in flight: a room's change and a timer may want the same one. */
  const removing = new Map<string, Promise<boolean>>();

  /** Finds the event of a message that may have been sent: the same transaction gives the same event. */
  async function eventOf({ id, room, event }: Secret): Promise<EventId> {
    if (event !== undefined) {
      return event;
    }
    // If it never arrived, this does, and is redacted like the other.
    const content = { msgtype: 'm.notice', body: 'A secret was not sent to you.' };
    return sendEvent({ client, crypto }, room, { type: 'm.room.message', content }, id);
  }

  /** Returns false if it is to be tried again. */
  async function remove(secret: Secret): Promise<boolean> {
    try {
      const event = await eventOf(secret);
      await client.events.redact(secret.room, event, `${secret.id}-redact`, 'It held a secret');
    } catch (error) {
      log.warn({ code: codeOf(error) }, 'a secret could not be removed from a direct room');
      const isGone = error instanceof HomeserverError && [403, 404].includes(error.status);
      if (!isGone) {
        return false;
      }
      // The bot was removed from the room, or the room is gone: trying again changes nothing.
      log.error({ room: secret.room }, 'a secret stays in a direct room that the bot can’t reach');
    }
    await store.remove(secret.id);
    standing.delete(secret.id);
    return true;
  }

  async function removeOnce(secret: Secret): Promise<boolean> {
    const inFlight =
      removing.get(secret.id) ??
      remove(secret)
        .catch((error: unknown) => {
          log.warn({ code: codeOf(error) }, 'a removed secret could not be written down');
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

  const inRoom = (room: RoomId) => [...standing.values()].filter((one) => one.room === room);

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
      // Whatever keeps them from being redacted now, they are due.
      inRoom(room).forEach((secret) => standing.set(secret.id, { ...secret, dueAt: due }));
      const isRemoved = await removeAll(inRoom(room));
      if (!told.has(room)) {
        told.add(room);
        await onIntrusion({ room, user: first.user, others, isRemoved });
      }
    } catch (error) {
      if (error instanceof HomeserverError && error.status < 500 && error.status !== 429) {
        unchecked.delete(room);
        await removeAll(inRoom(room));
        return;
      }
      unchecked.add(room);
      log.warn({ code: codeOf(error) }, 'who is in a direct room could not be found out');
      wakeAt(Date.now() + retryMs);
    }
  }

  return {
    async send({ room, user }, contentUntil) {
      const id = randomUUID();
      const dueAt = Date.now() + keepForMs;
      await store.add({ id, room, user, dueAt });
      const secret: Secret = { id, room, user, event: undefined, dueAt };
      standing.set(id, secret);
      try {
        const message = { type: 'm.room.message', content: contentUntil(dueAt) };
        const event = await sendEvent({ client, crypto }, room, message, id);
        standing.set(id, { ...secret, event });
        wakeAt(dueAt);
        await store.sent(id, event);
      } catch (error) {
        // The asker is told that it got lost. If it did arrive, nobody should find it later.
        standing.set(id, { ...(standing.get(id) ?? secret), dueAt: Date.now() });
        wakeAt(Date.now());
        throw error;
      }
      await check(room);
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
        const known = [...standing.values()].find((one) => one.event === event);
        if (known === undefined) {
          const id = randomUUID();
          await store.add({ id, ...due });
          await store.sent(id, event);
          standing.set(id, { id, event, ...due });
        } else {
          standing.set(known.id, { ...known, ...due });
        }
      }
      wakeAt(Date.now());
    },

    rooms: () => [...new Set([...standing.values()].map(({ room }) => room))],

    check,

    async removeDue() {
      const now = Date.now();
      const secrets = [...standing.values()];
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
        // Sent by a process that did not live to see it arrive.
        const dueAt = secret.event === undefined ? 0 : secret.dueAt;
        standing.set(secret.id, { ...secret, dueAt });
        unchecked.add(secret.room);
        wakeAt(Date.now());
      }
    },
  };
}
