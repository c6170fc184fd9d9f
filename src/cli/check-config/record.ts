import { orUndefined } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { readOwnMessages } from '../../matrix/room/own-messages.ts';
import { createManagementRoomWitness } from '../../matrix/room/room-witness.ts';
import { findMissingRecord } from '../../operations/record/room-record.ts';
import type { MissingRecord } from '../../operations/record/room-record.ts';
import type { DatabaseInspection } from '../../store/database-inspection.ts';
import { isPostgres, shownPlace } from '../../store/postgres/errors.ts';
import { openStore } from '../../store/store.ts';
import { passed } from './check.ts';
import type { Check } from './check.ts';

/**
 * Compares the database with what the bot has said in the management room, and with the newest heads there, which
 * people don't see. Changes nothing. Messages of an encrypted room can't be read here; heads can.
 *
 * @returns a warning if the room shows what the database lacks
 */
export async function checkRecord(
  { place, state }: { readonly place: string; readonly state: DatabaseInspection['state'] },
  where: { readonly client: ClientApi; readonly room: RoomId; readonly botUser: UserId },
): Promise<Check[]> {
  if (state === 'older') {
    // Only the start can read it.
    return [];
  }
  const store = state === 'missing' ? undefined : await openStore(place, { readonly: true });
  const reader = { ...where, crypto: { decrypt: async () => undefined } };
  try {
    const [own, reading] = await Promise.all([
      orUndefined(
        readOwnMessages(
          reader,
          where.room,
          where.botUser,
          async (event) => (await store?.outbox.commandOf(event)) !== undefined,
        ),
      ),
      orUndefined(createManagementRoomWitness(reader, where.room).read('newest')),
    ]);
    const missing = await findMissingRecord(store ?? noRecord, own ?? [], reading?.heads ?? []);
    return missing === undefined ? [] : [describeMissing(place, missing)];
  } finally {
    await store?.close();
  }
}

/** Of a database that does not exist yet. */
const noRecord = {
  auditLog: { end: async () => undefined, hashOf: async () => undefined },
  dataLoss: { get: async () => undefined },
};

function describeMissing(place: string, { end, shown, isOther }: MissingRecord): Check {
  const file = shownPlace(place);
  const key = isPostgres(place) ? 'database.url' : 'database.path';
  if (isOther) {
    return passed(
      'database',
      `${file}: its audit log differs from the head that the bot has posted in the room.`,
      `The log was replaced or changed. Check ${key}, or restore a backup. docs/audit.md says how to compare them.`,
    );
  }
  return end === 0
    ? passed(
        'database',
        `${file}: there are no actions in it, and the room shows actions up to #${shown}.`,
        `If the database was lost, restore a backup before you start the bot. If it is elsewhere, correct ${key}.`,
      )
    : passed(
        'database',
        `${file}: its audit log ends at #${end}, and the room shows actions up to #${shown}.`,
        'If you have a newer backup, restore that one. Otherwise start the bot: it repeats nothing, and tells the room what is missing.',
      );
}
