import { parseRoomId } from '../../core/ids.ts';
import type { RoomId } from '../../core/ids.ts';

/** Says that another room has replaced this one. */
export interface Tombstone {
  /** Who says so. */
  readonly sender: string;
  /** Undefined if what stands there is no room ID. */
  readonly replacement: RoomId | undefined;
}

/** Reads `m.room.tombstone`. One without a replacement, such as a redacted one, is none. */
export function readTombstone({
  sender,
  content,
}: {
  readonly sender: string;
  readonly content: Readonly<Record<string, unknown>>;
}): Tombstone | undefined {
  const { replacement_room: replacement } = content;
  return typeof replacement === 'string' && replacement !== ''
    ? { sender, replacement: parseRoomId(replacement) }
    : undefined;
}
