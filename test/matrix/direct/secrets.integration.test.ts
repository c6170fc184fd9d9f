import { describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { createClient } from '../../../src/app/homeserver.ts';
import { clock } from '../../../src/chat/answers/phrases.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { HomeserverError } from '../../../src/core/errors.ts';
import { clearText } from '../../../src/matrix/crypto/room-crypto.ts';
import type { RoomCrypto } from '../../../src/matrix/crypto/room-crypto.ts';
import { createDirectMessages } from '../../../src/matrix/direct/direct.ts';
import { createSecrets } from '../../../src/matrix/direct/secrets.ts';
import { createLog } from '../../../src/observability/log.ts';
import { adminApi, asUserId, homeserver, idOf, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import { bodyOf, directRoomsOf, messagesIn, redacted, tellSecret } from '../../support/secrets.ts';
import type { Direct } from '../../support/secrets.ts';
import { openTestStore } from '../../support/test-database.ts';

describe('a secret', () => {
  it('says when it is removed, and is, also after a restart', async () => {
    const other = await openRoom({ secrets: { keepFor: '4s' } });
    try {
      const first = await tellSecret(other.ana, other);
      expect(bodyOf(first.messages[0])).toMatch(/I will remove this message at \d\d:\d\d UTC/u);
      await redacted(first, other.ana.user);

      const second = await tellSecret(other.ana, other);
      await other.stopBot();
      expect(bodyOf((await messagesIn(second.id, other.ana.user))[0])).toContain('password');
      await other.startBot();
      await redacted(second, other.ana.user);
    } finally {
      await other.close();
    }
  });

  it('is removed also if the bot died before it knew that it was sent', async () => {
    const parts = await openParts(clearText(async () => false));
    const { ana, store, secretsOn } = parts;
    try {
      const sent = store.secrets.sent;
      Object.assign(store.secrets, { sent: () => new Promise(() => undefined) });
      const dying = parts.directOn(secretsOn());
      const directAnswer = await dying.open(idOf(ana));
      void directAnswer(['The new password:', 'correct horse battery']);
      const told = await messageTo(ana, parts);
      expect(bodyOf(told.messages[0])).toContain('correct horse');
      Object.assign(store.secrets, { sent });
      const restarted = secretsOn();
      await restarted.start();
      await restarted.removeDue();
      await redacted(told, ana);
      expect(await store.secrets.all()).toEqual([]);
      expect(await messagesIn(told.id, ana)).toHaveLength(1);
    } finally {
      await parts.close();
    }
  });

  it('is not promised to somebody whose devices can’t decrypt it', async () => {
    const parts = await openParts({
      ...clearText(async () => false),
      directRoomState: [
        {
          type: 'm.room.encryption',
          state_key: '',
          content: { algorithm: 'm.megolm.v1.aes-sha2' },
        },
      ],
      secure: async () => true,
    });
    const { ana, bot } = parts;
    try {
      const direct = parts.directOn(parts.secretsOn());
      for (const attempt of [direct.open, direct.assertReadableBy]) {
        await expect(attempt(idOf(ana))).rejects.toMatchObject({
          code: 'state',
          message: expect.stringContaining('none of your devices can decrypt it'),
        });
      }
      expect(await directRoomsOf(ana, { id: '', bot })).toEqual([]);
      const { device_id: device } = await ana.whoami();
      await ana.request('POST', '/_matrix/client/v3/keys/upload', {
        json: {
          device_keys: {
            user_id: ana.userId,
            device_id: device,
            algorithms: ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2'],
            keys: { [`curve25519:${device}`]: 'a', [`ed25519:${device}`]: 'b' },
            signatures: { [ana.userId]: { [`ed25519:${device}`]: 'c' } },
          },
        },
      });
      await expect(direct.assertReadableBy(idOf(ana))).resolves.toBeUndefined();
      await direct.open(idOf(ana));
      expect(await directRoomsOf(ana, { id: '', bot })).toHaveLength(1);
    } finally {
      await parts.close();
    }
  });
});

describe('a new direct room', () => {
  it('is used also if the person’s client accepts the invitation at once', async () => {
    const parts = await openParts(clearText(async () => false));
    const { ana } = parts;
    try {
      const direct = parts.directOn(parts.secretsOn(), async (id) => ana.join(id));
      const send = await direct.open(idOf(ana));
      await send(['The new password:', 'correct horse battery']);
      const rooms = await directRoomsOf(ana, { id: '', bot: parts.bot });
      expect(rooms.map(({ messages }) => bodyOf(messages[0]))).toEqual([
        expect.stringContaining('correct horse battery'),
      ]);
    } finally {
      await parts.close();
    }
  });

  it('is left again if the person can’t be let in', async () => {
    const parts = await openParts(clearText(async () => false));
    const { ana, bot } = parts;
    try {
      const direct = parts.directOn(parts.secretsOn(), async () => {
        throw new HomeserverError(403, 'M_FORBIDDEN', 'POST /_synapse/admin/v1/join/{room}');
      });
      await expect(direct.open(idOf(ana))).rejects.toThrow(HomeserverError);
      const { joined_rooms: left } = await bot.request<{ joined_rooms: string[] }>(
        'GET',
        '/_matrix/client/v3/joined_rooms',
      );
      expect(left).toEqual([]);
    } finally {
      await parts.close();
    }
  });
});

/** The parts that tell secrets, without the rest of the bot. */
async function openParts(crypto: RoomCrypto) {
  const [bot, ana] = await Promise.all([newUser('bot', { admin: true }), newUser('ana')]);
  const log = await createLog({ level: 'silent', format: 'json' });
  const stopping = new AbortController();
  const { url } = homeserver();
  const { accessToken } = bot.account;
  const client = createClient(
    configSchema.parse({ homeserver: { url, accessToken }, managementRoom: '!none:localhost' }),
    stopping.signal,
  );
  const store = await openTestStore();
  const botUser = asUserId(bot.userId);
  return {
    bot,
    ana,
    store,
    secretsOn: () =>
      createSecrets({
        client,
        crypto,
        store: store.secrets,
        botUser,
        keepForMs: 3_600_000,
        log,
        wakeAt: () => undefined,
        onIntrusion: async () => undefined,
      }),
    directOn: (
      secrets: ReturnType<typeof createSecrets>,
      /** What happens between the invitation and the bot's own attempt to join the person. */
      beforeJoin: (id: string) => Promise<unknown> = async () => undefined,
    ) =>
      createDirectMessages({
        client,
        crypto,
        store: store.syncState,
        secrets,
        botUser,
        join: async (id, user) => {
          await beforeJoin(id);
          await adminApi(accessToken).rooms.join(id, user, {});
        },
        clock,
      }),
    close: async () => store.close(),
  };
}

/** The direct room of somebody once something stands there. */
async function messageTo(
  person: MatrixUser,
  { bot }: { readonly bot: MatrixUser },
): Promise<Direct> {
  let since: string | undefined;
  for (const endAt = Date.now() + 25_000; Date.now() < endAt;) {
    const direct = (await directRoomsOf(person, { id: '', bot })).at(-1);
    if (direct !== undefined && direct.messages.length > 0) {
      return direct;
    }
    since = (await person.sync({ since, timeoutMs: since === undefined ? 0 : 2000 })).next_batch;
  }
  throw new Error('nothing was said in a direct room');
}
