import { expect, test } from 'vitest';

import type { EventId, RoomId } from '../../../src/core/ids.ts';
import { clearText } from '../../../src/matrix/crypto/room-crypto.ts';
import { createDelivery } from '../../../src/matrix/delivery/deliver.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import { fakeClient } from '../../support/fake-client.ts';

const room = '!room:localhost' as RoomId;

const reply = (status: 'done' | 'pending'): Outgoing => ({
  kind: 'reply',
  origin: { event: '$command' as EventId, room },
  reply: { command: 'user', status, audit: [], answer: { mark: 'ℹ️', title: ['x'], body: [] } },
});

/** Whether what is sent then waits for the disk. */
async function waits(outgoing: Outgoing): Promise<boolean | undefined> {
  let pending = [{ id: 1, eventId: '$command', transactionId: 't', message: '' }];
  let waited: boolean | undefined;
  const delivery = createDelivery({
    client: fakeClient(() => ({ event_id: '$sent' })),
    crypto: clearText(async () => false),
    outbox: {
      open: async () => pending.map((one) => ({ ...one, message: JSON.stringify(outgoing) })),
      async markDelivered(_id, _event, _at, { isFinal }) {
        waited = isFinal;
        pending = [];
      },
      giveUp: async () => undefined,
      sentEvent: async () => '$question',
    },
    room,
    since: 0,
    prefix: '!',
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    signal: new AbortController().signal,
    sendPermission: {
      granted: async () => true,
      whyMissing: () => undefined,
      lost: () => undefined,
      check: () => undefined,
      stop: () => undefined,
    },
  });
  delivery.deliver('$command');
  await delivery.idle();
  return waited;
}

test('that the answer to a read was sent is on the disk: otherwise the room shows what nobody knows', async () => {
  expect(await waits(reply('done'))).toBe(true);
});

test('a question and its reactions were on the disk before they were sent', async () => {
  const { origin } = reply('pending');
  expect(await waits(reply('pending'))).toBe(false);
  expect(await waits({ kind: 'reaction', origin, key: '✅' })).toBe(false);
});
