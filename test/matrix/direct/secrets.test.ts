import { beforeEach, expect, test } from 'vitest';

import { UnreachableError } from '../../../src/core/errors.ts';
import { clearText } from '../../../src/matrix/crypto/room-crypto.ts';
import { createSecrets } from '../../../src/matrix/direct/secrets.ts';
import type { Intrusion, Secrets, SecretStore } from '../../../src/matrix/direct/secrets.ts';
import { fakeClient } from '../../support/fake-client.ts';
import { asRoomId, asUserId } from '../../support/homeserver.ts';

const room = asRoomId('!direct:localhost');
const botUser = asUserId('@lawspeaker:localhost');
const user = asUserId('@ben:localhost');
const eve = '@eve:localhost';

let memberships: Record<string, string>;
/** What was redacted, by event. */
let removed: string[];
let isAway: boolean;
let told: Intrusion[];
let stored: Map<string, Awaited<ReturnType<SecretStore['all']>>[number]>;
let wakes: number[];
let secrets: Secrets;
beforeEach(() => {
  memberships = { [botUser]: 'join', [user]: 'join' };
  removed = [];
  isAway = false;
  told = [];
  stored = new Map();
  wakes = [];
  secrets = start();
});

const client = fakeClient(({ path }) => {
  if (path.endsWith('/state')) {
    return Object.entries(memberships).map(([member, membership]) => ({
      type: 'm.room.member',
      state_key: member,
      content: { membership },
    }));
  }
  if (isAway) {
    throw new UnreachableError('PUT /redact', 'does not answer', true);
  }
  if (path.includes('/redact/')) {
    removed.push(decodeURIComponent(path.split('/').at(-2) ?? ''));
  }
  return { event_id: '$secret' };
});

/** As after a restart, on the same database. */
function start(): Secrets {
  return createSecrets({
    client,
    crypto: clearText(async () => false),
    store: {
      add: async (secret) => void stored.set(secret.id, { ...secret, event: undefined }),
      async sent(id, event) {
        const secret = stored.get(id);
        if (secret !== undefined) {
          stored.set(id, { ...secret, event });
        }
      },
      remove: async (id) => void stored.delete(id),
      all: async () => [...stored.values()],
    },
    botUser,
    keepForMs: 3_600_000,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    wakeAt: (at) => void wakes.push(at),
    onIntrusion: async (intrusion) => void told.push(intrusion),
  });
}

const tell = async () => secrets.send({ room, user }, () => ({ body: 'the password' }));

test('a secret stays for the one person it is for, until its time is up', async () => {
  await tell();
  await secrets.check(room);
  await secrets.removeDue();
  expect({ removed, told }).toEqual({ removed: [], told: [] });
  expect(secrets.rooms()).toEqual([room]);
  expect(Math.max(...wakes)).toBeGreaterThan(Date.now() + 3_500_000);
});

test.each(['join', 'invite', 'knock'])(
  'it is removed at once, and told once, if somebody else has the membership %s',
  async (membership) => {
    await tell();
    memberships[eve] = membership;
    await secrets.check(room);
    await secrets.check(room);
    expect(removed).toEqual(['$secret']);
    expect(told).toEqual([{ room, user, others: [eve], isRemoved: true }]);
    expect(stored.size).toBe(0);
    expect(secrets.rooms()).toEqual([]);
  },
);

test('so it is if they came in while it was sent', async () => {
  memberships[eve] = 'join';
  await tell();
  expect(removed).toEqual(['$secret']);
  expect(told).toHaveLength(1);
});

test('what can’t be removed yet is told as such, and removed later, also after a restart', async () => {
  await tell();
  memberships[eve] = 'join';
  isAway = true;
  await secrets.check(room);
  expect(told).toMatchObject([{ isRemoved: false }]);
  expect(removed).toEqual([]);
  isAway = false;
  secrets = start();
  await secrets.start();
  await secrets.removeDue();
  expect(removed).toEqual(['$secret']);
});
