import { z } from 'zod';

import type { RoomId, UserId } from '../../core/ids.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';
import { redactedBy } from './read-event.ts';

/** Where events wait for their keys. */
export interface LateKeyStore {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string | undefined): Promise<void>;
}

/** Events as they were meant, and what is to be done when they have been taken in. */
export interface Reading {
  /** Came before, and can be read only now. */
  readonly late: readonly object[];
  readonly events: readonly object[];
  /** Will not be read any more: their keys did not come in time. */
  readonly unreadable: readonly object[];
  /** To be called when all three have been dealt with; until then they come again. */
  done(): Promise<void>;
}

export interface Reader {
  /** Whether events wait for their keys. */
  readonly isWaiting: boolean;
  /** @param how events from before the bot's first start are not waited for */
  read(events: readonly unknown[], how: 'first' | 'new'): Promise<Reading>;
}

interface Waiting {
  readonly since: number;
  readonly event: object;
}

const waitingEvents = z.array(z.object({ since: z.number(), event: z.looseObject({}) }));

const name = 'waitingForKeys';
/** Keys come before or soon after their event; whoever typed a command does not wait for ever. */
const patienceMs = 30_000;
/** A flood of events without keys must not fill the database. */
const maxWaiting = 200;

/** Reads a room's events; those whose keys are still on their way are kept, also over a restart. */
export function createReader(options: {
  crypto: RoomCrypto;
  room: RoomId;
  /** Whose events nobody needs to read: the bot's own. */
  own: UserId;
  store: LateKeyStore;
  now?: () => number;
}): Reader {
  const { crypto, room, own, store, now = Date.now } = options;
  let waiting: readonly Waiting[] | undefined;

  async function load(): Promise<readonly Waiting[]> {
    const stored = await store.get(name);
    return stored === undefined ? [] : waitingEvents.parse(JSON.parse(stored));
  }

  async function keep(next: readonly Waiting[]): Promise<void> {
    if (next.length > 0 || (waiting ?? []).length > 0) {
      await store.set(name, next.length === 0 ? undefined : JSON.stringify(next));
    }
    waiting = next;
  }

  return {
    get isWaiting() {
      return (waiting ?? []).length > 0;
    },

    async read(incoming, how) {
      waiting ??= await load();
      const redacted = redactedBy(incoming);
      const late: object[] = [];
      const locked: Waiting[] = [];
      for (const one of waiting) {
        const clear = redacted.has(idOf(one.event)) ? {} : await crypto.decrypt(room, one.event);
        if (clear === undefined) {
          locked.push(one);
        } else {
          late.push(clear);
        }
      }
      const events: object[] = [];
      const fresh: Waiting[] = [];
      for (const event of incoming) {
        const clear = isBy(own, event) ? event : await crypto.decrypt(room, event);
        if (clear !== undefined) {
          events.push(clear);
        } else if (how === 'new' && !redacted.has(idOf(event))) {
          fresh.push({ since: now(), event: event as object });
        }
      }
      if (fresh.length > 0) {
        // Before the sync token moves on: the homeserver won't send them again.
        await keep([...waiting, ...fresh]);
      }
      const patient = [...locked, ...fresh].filter(
        // A key that is kept from us on purpose does not come by waiting.
        ({ since, event }) => now() - since < patienceMs && crypto.withheld(event) === undefined,
      );
      const left = patient.slice(-maxWaiting);
      const isLeft = new Set(left);
      const unreadable = [...locked, ...fresh].filter((one) => !isLeft.has(one));
      return {
        late,
        events,
        unreadable: unreadable.map(({ event }) => event),
        done: async () => {
          if (late.length > 0 || unreadable.length > 0) {
            await keep(left);
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
