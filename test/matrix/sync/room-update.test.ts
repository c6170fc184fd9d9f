import { expect, test } from 'vitest';

import type { RoomId } from '../../../src/core/ids.ts';
import type { ClientApi } from '../../../src/homeserver/client/client-api.ts';
import { readGap } from '../../../src/matrix/sync/room-update.ts';
import { fakeClient } from '../../support/fake-client.ts';

const room = '!room:localhost' as RoomId;
const gap = { since: 's', before: 'b' };

/** A server whose pages never end; the newest event is `0`. */
function endless(body = ''): { client: ClientApi; pages: () => number } {
  let pages = 0;
  return {
    pages: () => pages,
    client: fakeClient(() => {
      pages += 1;
      const chunk = Array.from({ length: 100 }, (_, at) => ({ at: (pages - 1) * 100 + at, body }));
      return { chunk, end: `page ${pages}` };
    }),
  };
}

test('a gap that never ends is read up to a bound: the newest, oldest first', async () => {
  const { client, pages } = endless();
  const { events, isWhole } = await readGap(client, room, gap);
  expect(isWhole).toBe(false);
  expect(pages()).toBe(50);
  expect(events).toHaveLength(5000);
  expect(events[0]).toMatchObject({ at: 4999 });
  expect(events.at(-1)).toMatchObject({ at: 0 });
});

test('so is one with huge events', async () => {
  const { client, pages } = endless('x'.repeat(60_000));
  expect((await readGap(client, room, gap)).isWhole).toBe(false);
  expect(pages()).toBe(3);
});

test('a gap that ends is read whole', async () => {
  const answers = [{ chunk: [3, 2], end: 'more' }, { chunk: [1], end: 'last' }, { chunk: [] }];
  const { events, isWhole } = await readGap(
    fakeClient(() => answers.shift()),
    room,
    gap,
  );
  expect({ events, isWhole }).toEqual({ events: [1, 2, 3], isWhole: true });
});
