import { bold, code, line } from '../chat/answers/answer.ts';
import type { RoomId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import type { RoomCrypto } from '../matrix/crypto/room-crypto.ts';
import { readOwnMessages } from '../matrix/room/own-messages.ts';
import { createManagementRoomWitness } from '../matrix/room/room-witness.ts';
import { raiseAlarm } from '../operations/answer/alarms.ts';
import type { RaiseAlarmContext } from '../operations/answer/alarms.ts';
import { setDamagedAside } from '../operations/record/damaged-rows.ts';
import type { DamagedRowsContext } from '../operations/record/damaged-rows.ts';
import { compareWithRoom } from '../operations/record/room-record.ts';
import type { CompareContext } from '../operations/record/room-record.ts';
import type { Settings } from '../operations/settings.ts';
import type { Store } from '../store/store.ts';
import type { Restored } from '../store/witness.ts';
import type { Setup } from './setup/setup.ts';
import { untilAnswered } from './until-answered.ts';

/**
 * Checks the database before anything is started: sets damaged rows aside, and compares it with the room.
 * What the room shows as done was done, whatever the database says.
 *
 * @returns whether the bot has said anything in the room before, and the restored database that it found
 * @throws StoreError
 */
export async function checkDatabase(
  context: DamagedRowsContext &
    CompareContext & {
      readonly store: Pick<Store, 'outbox'>;
      readonly settings: Pick<Settings, 'botUser' | 'managementRoom'>;
      readonly log: Log;
    },
  room: { readonly client: ClientApi; readonly crypto: RoomCrypto },
  signal: AbortSignal,
): Promise<{ readonly hasSpoken: boolean; readonly restored: Restored | undefined }> {
  const { settings, store, log } = context;
  await setDamagedAside(context);
  let hasSpoken = false;
  const own = await untilAnswered(log, signal, async () =>
    readOwnMessages(room, settings.managementRoom, settings.botUser, async (event) => {
      hasSpoken = true;
      return (await store.outbox.commandOf(event)) !== undefined;
    }),
  );
  const witness = createManagementRoomWitness(
    { ...room, botUser: settings.botUser },
    settings.managementRoom,
  );
  const { heads } = await untilAnswered(log, signal, async () => witness.read('newest'));
  return { hasSpoken, restored: await compareWithRoom(context, own, heads) };
}

/** After a move to another management room: says so there. */
export async function sayMoved(
  context: RaiseAlarmContext,
  { room, configuredRoom }: Pick<Setup, 'room' | 'configuredRoom'>,
): Promise<void> {
  await raiseAlarm(context, `moved ${room}`, {
    mark: '⚠️',
    title: [bold('I have moved here: '), 'this room has replaced the management room'],
    body: [
      ...(room === configuredRoom
        ? []
        : [line('Set ', code('managementRoom'), ' to ', code(room), ' in my configuration.')]),
      line(
        'I don’t carry out commands that were sent here before this message: resend them. Answers that were waiting for the old room are sent here. For open reports, use the command below.',
      ),
    ],
    next: ['reports'],
  });
}

/** Forgets the sync token of the old room, which means nothing for the new one. */
export async function forgetPlace(state: Store['syncState'], room: RoomId): Promise<void> {
  if ((await state.get('placeIn')) !== room) {
    await state.set('token', undefined);
    await state.set('placeIn', room);
  }
}
