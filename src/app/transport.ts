import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import type { Answer } from '../chat/answers/answer.ts';
import { clock, dateTime } from '../chat/answers/phrases.ts';
import type { Config } from '../config/schema.ts';
import { isLate } from '../core/async/patience.ts';
import { createWorker } from '../core/async/worker.ts';
import { durationMs, hourMs } from '../core/duration.ts';
import type { EventId, RoomId, UserId } from '../core/ids.ts';
import type { AdminApi } from '../homeserver/admin/admin-api.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import { clearText } from '../matrix/crypto/room-crypto.ts';
import type { RoomCrypto } from '../matrix/crypto/room-crypto.ts';
import { createDelivery } from '../matrix/delivery/deliver.ts';
import { createDirectMessages } from '../matrix/direct/direct.ts';
import { createSecrets } from '../matrix/direct/secrets.ts';
import { peopleOf } from '../matrix/room/people-of.ts';
import { readRoomFile } from '../matrix/room/room-file.ts';
import type { RoomState } from '../matrix/room/room-state.ts';
import type { Moves } from '../matrix/room/upgrade.ts';
import type { Logger } from '../observability/log.ts';
import { alarmOf, reportIntrusion } from '../operations/answer/alarms.ts';
import type { Outgoing } from '../operations/answer/reply.ts';
import type { Roles } from '../operations/authorize/authorize.ts';
import type { Settings } from '../operations/settings.ts';
import { lockHolder, takeLock } from '../store/files/lock.ts';
import type { Lease, Lock } from '../store/files/lock.ts';
import { makeFolderPrivate } from '../store/files/private-files.ts';
import type { Warn } from '../store/files/private-files.ts';
import { transactionIdFor } from '../store/store.ts';
import type { Store } from '../store/store.ts';
import { watchSendPermission } from './send-permission.ts';
import type { Setup } from './setup/setup.ts';
import type { Timing } from './timing.ts';

const usualDeliveryPatienceMs = 10_000;

export type Transport = Awaited<ReturnType<typeof createTransport>>;

/** Builds what sends messages and reads the room: encryption, delivery, and direct rooms with secrets. */
export async function createTransport(options: {
  readonly config: Config;
  readonly log: Logger;
  readonly client: ClientApi;
  readonly api: AdminApi;
  readonly store: Store;
  readonly moves: Moves;
  readonly setup: Setup;
  readonly members: RoomState;
  readonly roles: Roles;
  readonly settings: Settings;
  readonly timing: Timing;
  /** Ends requests in flight. */
  readonly signal: AbortSignal;
  /** Aborted if the database was away for a moment, and the bot starts again. */
  readonly interrupted: AbortSignal;
  /** The bot can send messages again. */
  readonly onRegained: () => void;
  /** The bot has moved to another room and must start again. */
  readonly onMoved: () => void;
}) {
  const { config, log, client, api, store, moves, members, roles, settings, timing } = options;
  const { botUser, managementRoom: room } = settings;
  const crypto = await createCrypto(config, client, options.setup, log);

  /** Sends a message to the admins in the room at once. @throws HomeserverError it isn't accepted */
  const sayNow = async (about: string, answer: Answer) => {
    const name = `${about} ${Date.now()}`;
    const alarm = alarmOf({ members, roles, settings }, name, answer);
    await delivery.sendNow(alarm, transactionIdFor(name, about));
  };
  const sendPermission = watchSendPermission({
    client,
    moves,
    members,
    roles,
    settings,
    log,
    firstRetryMs: timing.sendPermissionRetryMs,
    sayNow,
    tell: async (user, lines) => direct.tell(user, lines),
    onRegained: options.onRegained,
    onMoved: options.onMoved,
  });
  const delivery = createDelivery({
    sendPermission,
    client,
    crypto,
    outbox: {
      ...store.outbox,
      // If it is lost, the message is sent again, under the transaction ID that Synapse knows. An answer that
      // did not wait for the disk before it was sent does so now: an answer in the room that the database
      // does not know means that the database was restored.
      markDelivered: async (id, event, at, { isFinal }) =>
        store.transaction(async ({ outbox }) => outbox.markDelivered(id, event, at), {
          repeatable: !isFinal,
        }),
    },
    room,
    since: (await moves.intoAt(room)) ?? 0,
    prefix: settings.prefix,
    log,
    signal: options.signal,
  });

  const keepForMs = durationMs(config.secrets.keepFor);
  const removal = createWorker({
    work: async () => secrets.removeDue(),
    onError: (error) => log.error({ err: error }, 'removing secrets failed'),
  });
  const secrets = createSecrets({
    client,
    crypto,
    store: store.secrets,
    botUser,
    keepForMs,
    log,
    wakeAt: removal.wakeAt,
    onIntrusion: async (intrusion) =>
      reportIntrusion(
        { members, roles, settings, store, now: Date.now, deliver: delivery.deliver },
        intrusion,
      ),
  });
  const direct = createDirectMessages({
    client,
    crypto,
    store: store.syncState,
    secrets,
    botUser,
    join: async (directRoom, user) => {
      await api.rooms.join(directRoom, user, {});
    },
    // Within half a day, the time of day is enough.
    clock: keepForMs < 12 * hourMs ? clock : dateTime,
  });

  return {
    crypto,
    delivery,
    direct,
    secrets,
    sendPermission,

    /** What the operations need of the room. */
    room: {
      readFile: async (event: EventId) => readRoomFile({ client, crypto }, room, event),
      peopleOf: async (event: EventId) => peopleOf({ client, crypto }, room, event),
      async redact(event: EventId, reason: string): Promise<void> {
        await client.events.redact(room, event, transactionIdFor(event, 'redact'), reason);
      },
      showTyping: async (forMs: number | undefined) => client.rooms.setTyping(room, botUser, forMs),
      deliver: delivery.deliver,
      async delivered(): Promise<void> {
        await isLate(delivery.next(), timing.deliveryPatienceMs ?? usualDeliveryPatienceMs);
      },
    },

    /** Sends an answer that the database can't store. */
    async sayStoreFailure(outgoing: Outgoing): Promise<void> {
      // The bot starts again, and then gives the only answer.
      if (options.interrupted.aborted) {
        return;
      }
      const { kind, origin } = outgoing;
      // It is said once of a command. An operation can be held up several times, and edits its answer.
      const part = kind === 'edit' ? `store-failure ${Date.now()}` : 'store-failure';
      await delivery.sendNow(outgoing, transactionIdFor(origin.event, part));
    },

    /** Starts nothing more. */
    stop(): void {
      sendPermission.stop();
      void removal.stop();
    },
  };
}

/** How often to try again while the process that led before still has the keys. */
const keysRetryMs = 1000;

/** Locks a folder of keys: two bots that use the same keys would break each other's encryption. */
export async function lockKeys(
  folder: string,
  {
    warn,
    lease,
    signal,
  }: { readonly warn: Warn; readonly lease?: Lease | undefined; readonly signal: AbortSignal },
): Promise<Lock> {
  makeFolderPrivate(folder, warn);
  const file = path.join(folder, 'lock');
  for (let isTold = false; ; isTold = true) {
    try {
      return takeLock(file, `the keys in ${folder}`, 'encryption.path');
    } catch (error) {
      const holder = lockHolder(file);
      if (lease === undefined || holder === undefined || signal.aborted) {
        throw error;
      }
      // The process that led before has them until it has ended, or stands by.
      if (!isTold) {
        warn(`the keys in ${folder} are in use${holder}: waiting for them`);
      }
    }
    await wait(keysRetryMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Encryption for the management room and direct rooms, or none. */
async function createCrypto(
  config: Config,
  client: ClientApi,
  { botUser, room, roomState }: { botUser: UserId; room: RoomId; roomState: readonly unknown[] },
  log: Logger,
): Promise<RoomCrypto> {
  const crypto = config.encryption.enabled
    ? // The SDK is loaded only if encryption is on.
      await (
        await import('../matrix/crypto/encryption.ts')
      ).openRoomCrypto({ client, folder: config.encryption.path, botUser, log })
    : clearText(
        async (other) => (await client.rooms.findState(other, 'm.room.encryption')) !== undefined,
      );
  await crypto.follow(room, roomState);
  return crypto;
}
