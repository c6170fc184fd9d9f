import type { Json } from '../../chat/command/invocation.ts';
import { readReference } from '../../chat/reading/references.ts';
import type { ArgumentKind } from '../../chat/reading/values.ts';
import { ProtectedError } from '../../core/errors.ts';
import { parseRoomId } from '../../core/ids.ts';
import type { RoomId } from '../../core/ids.ts';
import type { DirectRooms } from '../../services/rooms/direct-rooms.ts';
import type { Settings } from '../settings.ts';
import type { Parsed } from '../stages.ts';

/** What the guard needs to know. */
export interface Reserved {
  readonly settings: Pick<Settings, 'managementRoom'>;
  readonly services: { readonly directRooms: Pick<DirectRooms, 'has'> };
}

/** The room that a stored value of an argument names, by the kind of the argument. */
const roomNamed: Readonly<Record<ArgumentKind, (value: Json) => RoomId | undefined>> = {
  room: roomOf,
  target: roomOf,
  event: (value) =>
    typeof value === 'object' && value !== null && 'room' in value ? roomOf(value.room) : undefined,
  // A room as the whole of a word or text is meant as a room, too: to search for, say.
  text: roomInText,
  word: roomInText,
  account: nothing,
  identity: nothing,
  user: nothing,
  media: nothing,
  integer: nothing,
  item: nothing,
  boolean: nothing,
  choice: nothing,
  duration: nothing,
  date: nothing,
};

function nothing(): undefined {
  return undefined;
}

function roomOf(value: Json | undefined): RoomId | undefined {
  return typeof value === 'string' ? parseRoomId(value) : undefined;
}

function roomInText(value: Json): RoomId | undefined {
  const reference = typeof value === 'string' ? readReference(value.trim()) : undefined;
  return reference === undefined || reference.kind === 'user' ? undefined : roomOf(reference.room);
}

/** Every room that the arguments of an invocation name, whatever the command does with it. */
export function roomsNamedBy({
  command,
  invocation,
}: Pick<Parsed, 'command' | 'invocation'>): RoomId[] {
  const rooms = Object.entries(invocation.arguments).flatMap(([key, value]) => {
    const argument = command.args[key];
    return argument === undefined ? [] : [value].flat().map((one) => roomNamed[argument.kind](one));
  });
  return [...new Set(rooms.filter((room) => room !== undefined))];
}

/**
 * Keeps every command off the bot's direct rooms, and every command that changes something off the
 * management room, in whatever argument they stand. What can be read about the management room, its
 * members see anyway. Nobody can override this.
 *
 * @throws ProtectedError
 * @throws HomeserverError, UnreachableError it can't be found out
 */
export async function assertRoomsInReach(
  { settings, services }: Reserved,
  parsed: Pick<Parsed, 'command' | 'danger' | 'invocation'>,
): Promise<void> {
  for (const room of roomsNamedBy(parsed)) {
    if (room === settings.managementRoom) {
      if (parsed.danger !== 'read') {
        throw new ProtectedError(
          'this is the management room',
          'Nothing was changed. What your power level allows you here, you can do with your own client.',
        );
      }
    } else if (await services.directRooms.has(room)) {
      throw new ProtectedError(
        `\`${room}\` is a room in which I tell one person a secret`,
        'No command reaches it. Nothing was changed.',
      );
    }
  }
}
