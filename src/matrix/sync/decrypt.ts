import { z } from 'zod';

import type { RoomId, UserId } from '../../core/ids.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';
import { redactedBy } from './read-event.ts';

/** Where events are stored while they wait for their keys. */
interface WaitingEventStore {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string | undefined): Promise<void>;
}

/** The events of one sync after decryption. */
interface DecryptedEvents {
  /** From earlier syncs: their keys have arrived only now. */
  readonly late: readonly object[];
  readonly events: readonly object[];
  /** Still encrypted: their keys did not arrive in time. */
  readonly unreadable: readonly object[];
  /** To be called when all three lists have been handled; until then they come again. */
  done(): Promise<void>;
}

interface Decryptor {
  /** Whether events wait for their keys. */
  readonly isWaiting: boolean;
  /** @param how events from before the bot's first start don't wait for their keys */
  decrypt(events: readonly unknown[], how: 'first' | 'new'): Promise<DecryptedEvents>;
}

interface Waiting {
  readonly since: number;
  readonly event: object;
}

const waitingEvents = z.array(z.object({ since: z.number(), event: z.looseObject({}) }));

const name = 'waitingForKeys';
/** Keys come before or soon after their event, and somebody is waiting for an answer. */
const patienceMs = 30_000;
/** A flood of events without keys must not fill the database. */
const maxWaiting = 200;

/** Decrypts a room's events. Events whose keys are missing are stored for a while, across restarts too. */
export function createDecryptor(options: {
  crypto: RoomCrypto;
  room: RoomId;
  /** The bot: it does not need to read its own events. */
  botUser: UserId;
  store: WaitingEventStore;
  now?: () => number;
}): Decryptor {
  const { crypto, room, botUser, store, now = Date.now } = options;
  let waiting: readonly Waiting[] | undefined;

  async function load(): Promise<readonly Waiting[]> {
    const stored = await store.get(name);
    return stored === undefined ? [] : waitingEvents.parse(JSON.parse(stored));
  }

  async function save(next: readonly Waiting[]): Promise<void> {
    if (next.length > 0 || (waiting ?? []).length > 0) {
      await store.set(name, next.length === 0 ? undefined : JSON.stringify(next));
    }
    waiting = next;
  }

  return {
    get isWaiting() {
      return (waiting ?? []).length > 0;
    },

    async decrypt(incoming, how) {
      waiting ??= await load();
      const redacted = redactedBy(incoming);
      const late: object[] = [];
      const encrypted: Waiting[] = [];
      for (const one of waiting) {
        const clear = redacted.has(idOf(one.event)) ? {} : await crypto.decrypt(room, one.event);
        if (clear === undefined) {
          encrypted.push(one);
        } else {
          late.push(clear);
        }
      }
      const events: object[] = [];
      const fresh: Waiting[] = [];
      for (const event of incoming) {
        const clear = isBy(botUser, event) ? event : await crypto.decrypt(room, event);
        if (clear !== undefined) {
          events.push(clear);
        } else if (how === 'new' && !redacted.has(idOf(event))) {
          fresh.push({ since: now(), event: event as object });
        }
      }
      if (fresh.length > 0) {
        // Before the sync token moves on: the homeserver won't send these events again.
        await save([...waiting, ...fresh]);
      }
      const patient = [...encrypted, ...fresh].filter(
        // Waiting is no use if the sender's client withholds the key.
        ({ since, event }) => now() - since < patienceMs && crypto.withheld(event) === undefined,
      );
      const left = patient.slice(-maxWaiting);
      const isLeft = new Set(left);
      const unreadable = [...encrypted, ...fresh].filter((one) => !isLeft.has(one));
      return {
        late,
        events,
        unreadable: unreadable.map(({ event }) => event),
        done: async () => {
          if (late.length > 0 || unreadable.length > 0) {
            await save(left);
          }
        },
      };
    },
  };
}

function isBy(user: UserId, event: unknown): event is object {
  return (event as { sender?: unknown } | null)?.sender === user;
}

function idOf(event: unknown): unknown {
  return (event as { event_id?: unknown } | null)?.event_id;
}
