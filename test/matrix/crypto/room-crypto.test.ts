import { expect, test } from 'vitest';

import { HomeserverError, SetupError } from '../../../src/core/errors.ts';
import { secureRoom } from '../../../src/matrix/crypto/room-crypto.ts';
import { fakeClient } from '../../support/fake-client.ts';
import { asRoomId } from '../../support/homeserver.ts';

const room = asRoomId('!direct:localhost');

/** Secures a room without encryption, where turning it on ends like this. */
async function secure(turnOn: () => void) {
  let settings: object | undefined;
  const client = fakeClient(({ body }) => {
    turnOn();
    settings = body as object;
    return { event_id: '$encryption' };
  });
  const isSecure = await secureRoom(client, room, async () => settings);
  return { isSecure, settings };
}

const refuse = (status: number) => () => {
  throw new HomeserverError(status, 'M_UNKNOWN', 'PUT /rooms/{roomId}/state/m.room.encryption/');
};

test('a room without encryption gets it', async () => {
  expect(await secure(() => undefined)).toEqual({
    isSecure: true,
    settings: { algorithm: 'm.megolm.v1.aes-sha2' },
  });
});

test('a room where the bot may not turn encryption on is not used', async () => {
  expect(await secure(refuse(403))).toMatchObject({ isSecure: false });
});

test('a room with an unknown algorithm is not used', async () => {
  const isSecure = secureRoom(
    fakeClient(() => ({})),
    room,
    async () => {
      throw new SetupError('The bot does not know the room’s encryption algorithm.');
    },
  );
  expect(await isSecure).toBe(false);
});

test.for([429, 502])('a room that can’t be secured now (%i) can be tried again', async (status) => {
  await expect(secure(refuse(status))).rejects.toThrow(HomeserverError);
});
