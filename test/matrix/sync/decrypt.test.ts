import { beforeEach, describe, expect, test } from 'vitest';

import { parseRoomId, parseUserId } from '../../../src/core/ids.ts';
import { clearText } from '../../../src/matrix/crypto/room-crypto.ts';
import { createDecryptor } from '../../../src/matrix/sync/decrypt.ts';

const room = parseRoomId('!room:x') ?? expect.unreachable();
const botUser = parseUserId('@bot:x') ?? expect.unreachable();

interface Event {
  readonly event_id: string;
  readonly type: string;
  readonly sender: string;
}

const locked = (id: string, sender = '@ana:x'): Event => ({
  event_id: id,
  type: 'm.room.encrypted',
  sender,
});
const opened = (id: string) => ({ ...locked(id), type: 'm.room.message' });
const redaction = (id: string) => ({ type: 'm.room.redaction', redacts: id, content: {} });

let keys: Set<string>;
let withheld: Set<string>;
let stored: Map<string, string>;
let now: number;
beforeEach(() => {
  keys = new Set();
  withheld = new Set();
  stored = new Map();
  now = 0;
});

/** A bot that has just started, on the same database. */
function decryptor() {
  return createDecryptor({
    room,
    botUser,
    now: () => now,
    store: {
      get: async (name) => stored.get(name),
      set: async (name, value) => {
        if (value === undefined) {
          stored.delete(name);
        } else {
          stored.set(name, value);
        }
      },
    },
    crypto: {
      ...clearText(async () => false),
      withheld: (event) => (withheld.has((event as Event).event_id) ? 'm.unverified' : undefined),
      decrypt: async (_room, event) => {
        const { event_id: id, type } = event as Event;
        return type !== 'm.room.encrypted'
          ? (event as object)
          : keys.has(id)
            ? opened(id)
            : undefined;
      },
    },
  });
}

describe('an event whose key is missing', () => {
  test('is not waited for if the sender’s client keeps the key from the bot', async () => {
    withheld.add('$a');
    const { unreadable, done } = await decryptor().decrypt([locked('$a'), locked('$b')], 'new');
    expect(unreadable).toEqual([locked('$a')]);
    await done();
    // What was said later counts, too.
    withheld.add('$b');
    expect((await decryptor().decrypt([], 'new')).unreadable).toEqual([locked('$b')]);
  });

  test('is read when the key comes, also after a restart', async () => {
    const first = await decryptor().decrypt([locked('$a')], 'new');
    expect(first).toMatchObject({ events: [], late: [], unreadable: [] });
    keys.add('$a');
    const again = decryptor();
    const { late, done } = await again.decrypt([], 'new');
    expect(late).toEqual([opened('$a')]);
    expect(again.isWaiting).toBe(true);
    await done();
    expect(again.isWaiting).toBe(false);
    expect(stored.size).toBe(0);
  });

  test('comes again until it was dealt with', async () => {
    await decryptor().decrypt([locked('$a')], 'new');
    keys.add('$a');
    await decryptor().decrypt([], 'new');
    expect((await decryptor().decrypt([], 'new')).late).toEqual([opened('$a')]);
  });

  test('is given up after half a minute, once', async () => {
    const waiting = decryptor();
    await (await waiting.decrypt([locked('$a')], 'new')).done();
    now = 29_999;
    expect((await waiting.decrypt([], 'new')).unreadable).toEqual([]);
    now = 30_000;
    const { unreadable, done } = await waiting.decrypt([], 'new');
    expect(unreadable).toEqual([locked('$a')]);
    await done();
    keys.add('$a');
    expect(await waiting.decrypt([], 'new')).toMatchObject({ late: [], unreadable: [] });
  });

  test('is forgotten when it is redacted meanwhile', async () => {
    const waiting = decryptor();
    await (await waiting.decrypt([locked('$a')], 'new')).done();
    keys.add('$a');
    const { late } = await waiting.decrypt([redaction('$a')], 'new');
    expect(JSON.stringify(late)).not.toContain('$a');
  });

  test('is not waited for where it is the bot’s botUser, or older than its first start', async () => {
    const fresh = decryptor();
    await fresh.decrypt([locked('$botUser', botUser)], 'new');
    await fresh.decrypt([locked('$old')], 'first');
    expect(fresh.isWaiting).toBe(false);
    expect(stored.size).toBe(0);
  });

  test('does not fill the database when there are many: the oldest are given up', async () => {
    const waiting = decryptor();
    const flood = Array.from({ length: 250 }, (_, index) => locked(`$${index}`));
    const { unreadable, done } = await waiting.decrypt(flood, 'new');
    expect(unreadable).toEqual(flood.slice(0, 50));
    await done();
    expect(JSON.parse([...stored.values()].join(''))).toHaveLength(200);
  });
});

test('without encryption nothing is stored, and everything passes', async () => {
  const { events } = await decryptor().decrypt([opened('$a'), redaction('$b')], 'new');
  expect(events).toEqual([opened('$a'), redaction('$b')]);
  expect(stored.size).toBe(0);
});
