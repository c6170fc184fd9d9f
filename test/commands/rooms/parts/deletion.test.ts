import { expect, test } from 'vitest';

import { previewOfSeveral, spellOutRooms } from '../../../../src/commands/rooms/parts/deletion.ts';
import type { RoomId } from '../../../../src/core/ids.ts';
import type { Services } from '../../../../src/services/services.ts';
import { asRoomId } from '../../../support/homeserver.ts';

interface Room {
  readonly roomId: RoomId;
  readonly roomType?: string;
  readonly joinedMembers?: number;
  readonly joinedLocalMembers?: number;
}

/** A server with these rooms; a space has its rooms, and names rooms that this server is not in. */
function serverWith(
  rooms: readonly Room[],
  spaces: Readonly<Record<string, { readonly rooms: RoomId[]; readonly elsewhere: RoomId[] }>> = {},
) {
  const read: string[] = [];
  const services = {
    directRooms: { has: async () => false, reservedAmong: async () => new Set() },
    rooms: {
      findAll: async (ids: readonly RoomId[]) =>
        new Map(
          rooms.filter(({ roomId }) => ids.includes(roomId)).map((room) => [room.roomId, room]),
        ),
      beingDeleted: async () => new Set(),
      space: async (id: RoomId) => {
        read.push(id);
        const space = spaces[id];
        return {
          rooms: space?.rooms.map((roomId) => ({ roomId })),
          isCut: false,
          elsewhere: space?.elsewhere,
        };
      },
    },
  } as unknown as Services;
  return { services, read };
}

const ids = (name: string, number: number) =>
  Array.from({ length: number }, (_, at) => asRoomId(`!${name}${at}:localhost`));
const [first, second, third] = ['!one:localhost', '!two:localhost', '!three:localhost'].map(
  asRoomId,
) as [RoomId, RoomId, RoomId];
const asSpace = (roomId: RoomId) => ({ roomId, roomType: 'm.space' });

test('1,000 rooms are the limit of all spaces together', async () => {
  const [some, others] = [ids('a', 600), ids('b', 600)];
  const { services, read } = serverWith([first, second, third].map(asSpace), {
    [first]: { rooms: [first, ...some], elsewhere: [] },
    [second]: { rooms: [second, ...others], elsewhere: [] },
  });
  await expect(
    spellOutRooms({ args: { room: [first, second, third], withChildren: true }, services }),
  ).rejects.toMatchObject({
    code: 'state',
    message: 'these are more than 1,000 rooms, and one command can delete up to 1,000',
  });
  expect(read).toEqual([first, second]);
  await expect(
    spellOutRooms({ args: { room: ids('c', 1001), withChildren: false }, services }),
  ).rejects.toThrow('these are more than 1,000 rooms');
});

test('of the rooms that a space names and that are not here, 1,000 are named', async () => {
  const of = async (elsewhere: number) => {
    const { services } = serverWith([asSpace(first)], {
      [first]: { rooms: [first], elsewhere: ids('far', elsewhere) },
    });
    const found = await spellOutRooms({ args: { room: [first], withChildren: true }, services });
    return found?.leftOut;
  };
  expect(await of(1000)).toHaveLength(1000);
  const leftOut = await of(1500);
  expect(leftOut).toHaveLength(1001);
  expect(leftOut?.at(-1)).toEqual({
    user: '500 more rooms',
    why: 'have no member from this server',
  });
});

test('rooms that many of this server are in come before rooms that claim many members', async () => {
  const sizes: readonly (readonly [RoomId, number, number])[] = [
    [first, 90_000, 1],
    [second, 5, 5],
    [third, 8, 5],
  ];
  const { services } = serverWith(
    sizes.map(([roomId, joinedMembers, joinedLocalMembers]) => ({
      roomId,
      joinedMembers,
      joinedLocalMembers,
      name: null,
      canonicalAlias: null,
    })),
  );
  const args = { room: [first, second, third], withChildren: false, block: false, purge: true };
  const { body } = await previewOfSeveral({ services, prefix: '!', args }, 'warning');
  const list = JSON.stringify(body.find(({ kind }) => kind === 'list'));
  const places = [third, second, first].map((id) => list.indexOf(id));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places).not.toContain(-1);
});
