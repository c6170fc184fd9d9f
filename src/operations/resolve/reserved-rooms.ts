import type { Json } from '../../chat/command/invocation.ts';
import { canChangeHomeserver } from '../../chat/command/properties.ts';
import { readReference } from '../../chat/reading/values.ts';
import type { ArgumentKind } from '../../chat/reading/values.ts';
import { ProtectedError } from '../../core/errors.ts';
import { parseRoomId } from '../../core/ids.ts';
import type { RoomId } from '../../core/ids.ts';
import type { DirectRooms } from '../../services/rooms/direct-rooms.ts';
import type { Settings } from '../settings.ts';
import type { Parsed } from '../stages.ts';

/** What checking the rooms of a command needs. */
export interface ReservedRoomsContext {
  readonly settings: Pick<Settings, 'managementRoom'>;
  readonly services: { readonly directRooms: Pick<DirectRooms, 'has'> };
}

type ReadRoom = (value: Json) => RoomId | undefined;

/** Reads the room that the value of an argument names, by its kind; undefined if the kind names none. */
const roomNamed: Readonly<Record<ArgumentKind, ReadRoom | undefined>> = {
  room: roomOf,
  target: roomOf,
  event: (value) =>
    typeof value === 'object' && value !== null && 'room' in value ? roomOf(value.room) : undefined,
  // A word or text that consists of a room is meant as that room: to search for it, for example.
  text: roomInText,
  word: roomInText,
  account: undefined,
  identity: undefined,
  user: undefined,
  media: undefined,
  integer: undefined,
  item: undefined,
  boolean: undefined,
  choice: undefined,
  duration: undefined,
  date: undefined,
};

/** Whether an argument of this kind can name a room. */
export function canNameRoom(kind: ArgumentKind): boolean {
  return roomNamed[kind] !== undefined;
}

function roomOf(value: Json | undefined): RoomId | undefined {
  return typeof value === 'string' ? parseRoomId(value) : undefined;
}

function roomInText(value: Json): RoomId | undefined {
  const reference = typeof value === 'string' ? readReference(value.trim()) : undefined;
  return reference === undefined || reference.kind === 'user' ? undefined : roomOf(reference.room);
}

/** Every room that the arguments of a command name, whatever the command does with it. */
function roomsNamedBy({ command, invocation }: Pick<Parsed, 'command' | 'invocation'>): RoomId[] {
  const rooms = Object.entries(invocation.arguments).flatMap(([key, value]) => {
    const { kind } = command.args[key] ?? {};
    const read = kind === undefined ? undefined : roomNamed[kind];
    return read === undefined ? [] : [value].flat().map((one) => read(one));
  });
  return [...new Set(rooms.filter((room) => room !== undefined))];
}

/**
 * Keeps every command away from the bot's direct rooms, and every command that changes something on a
 * homeserver away from the management room, whichever argument names them. Commands may read about the management
 * room, whose members see all of that anyway, and note something about it. Nobody can override this.
 *
 * @throws ProtectedError a room is out of reach
 * @throws HomeserverError, UnreachableError this can't be checked
 */
export async function assertRoomsInReach(
  { settings, services }: ReservedRoomsContext,
  parsed: Pick<Parsed, 'command' | 'danger' | 'invocation'>,
): Promise<void> {
  for (const room of roomsNamedBy(parsed)) {
    if (room === settings.managementRoom) {
      if (parsed.danger !== 'read' && canChangeHomeserver(parsed.command)) {
        throw new ProtectedError(
          'this is the management room',
          'Nothing was changed. Use your own client for what your power level allows you here.',
        );
      }
    } else if (await services.directRooms.has(room)) {
      throw new ProtectedError(
        `\`${room}\` is a room where I send one person secrets`,
        `No command can use it.${parsed.danger === 'read' ? '' : ' Nothing was changed.'}`,
      );
    }
  }
}
