import { setImmediate } from 'node:timers/promises';

import { expect, test } from 'vitest';

import type { EventId, RoomId } from '../../../src/core/ids.ts';
import { clearText } from '../../../src/matrix/crypto/room-crypto.ts';
import { createDelivery } from '../../../src/matrix/delivery/deliver.ts';
import { cardEvent } from '../../../src/operations/answer/card.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import { fakeClient } from '../../support/fake-client.ts';

const room = '!room:localhost' as RoomId;

const reply = (status: 'done' | 'pending'): Outgoing => ({
  kind: 'reply',
  origin: { event: '$command' as EventId, room },
  reply: { command: 'user', status, audit: [], answer: { mark: 'ℹ️', title: ['x'], body: [] } },
});

type DeliveryOptions = Parameters<typeof createDelivery>[0];

const deliveryOf = (parts: Pick<DeliveryOptions, 'client' | 'outbox'>) =>
  createDelivery({
    ...parts,
    crypto: clearText(async () => false),
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

/** Whether what is sent then waits for the disk. */
async function waits(outgoing: Outgoing): Promise<boolean | undefined> {
  let pending = [{ id: 1, eventId: '$command', transactionId: 't', message: '' }];
  let waited: boolean | undefined;
  const delivery = deliveryOf({
    client: fakeClient(() => ({ event_id: '$sent' })),
    outbox: {
      open: async () => pending.map((one) => ({ ...one, message: JSON.stringify(outgoing) })),
      async markDelivered(_id, _event, _at, { isFinal }) {
        waited = isFinal;
        pending = [];
      },
      giveUp: async () => undefined,
      sentEvent: async () => '$confirmation',
    },
  });
  delivery.deliver('$command');
  await delivery.idle();
  return waited;
}

test('that the answer to a read was sent is on the disk: otherwise the room shows what nobody knows', async () => {
  expect(await waits(reply('done'))).toBe(true);
});

test('a confirmation and its reactions were on the disk before they were sent', async () => {
  const { origin } = reply('pending');
  expect(await waits(reply('pending'))).toBe(false);
  expect(await waits({ kind: 'reaction', origin, key: '✅' })).toBe(false);
});

test('what no command asked for is sent one at a time, and an answer does not wait for it', async () => {
  const { origin } = reply('done');
  const cards = [1, 2, 3].map((id) => ({ ...origin, event: cardEvent(id) }));
  const messages = [...cards, origin].map(
    (of, id): { id: number; eventId: string; outgoing: Outgoing } => ({
      id,
      eventId: of.event,
      outgoing: { ...reply('done'), origin: of } as Outgoing,
    }),
  );
  const open = new Set(messages.map(({ id }) => id));
  const inFlight = new Set<number>();
  const beside: number[] = [];
  const order: number[] = [];
  const delivery = deliveryOf({
    client: fakeClient(async () => {
      beside.push(inFlight.size);
      const request = beside.length;
      inFlight.add(request);
      await setImmediate();
      inFlight.delete(request);
      return { event_id: `$sent-${request}` };
    }),
    outbox: {
      open: async (eventId) =>
        messages
          .filter((one) => open.has(one.id) && one.eventId === eventId)
          .map(({ id, eventId: of, outgoing }) => ({
            id,
            eventId: of,
            transactionId: `t${id}`,
            message: JSON.stringify(outgoing),
          })),
      async markDelivered(id) {
        open.delete(id);
        order.push(id);
      },
      giveUp: async () => undefined,
      sentEvent: async () => undefined,
    },
  });
  messages.forEach(({ eventId }) => delivery.deliver(eventId));
  await delivery.idle();
  // A card and the answer were sent side by side, and never two cards.
  expect(Math.max(...beside)).toBe(1);
  expect(order.indexOf(3)).toBeLessThan(2);
  expect(order).toHaveLength(4);
});
