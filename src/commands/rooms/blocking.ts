import { bold, code } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { roomNameAndId } from '../../chat/answers/room.ts';
import type { RoomId } from '../../core/ids.ts';
import type { RoomDetail } from '../../services/services.ts';

/** `**Blocked** Lobby `!id`` */
export function blockedRoom(what: string, room: RoomId, known: RoomDetail | undefined): Content {
  return [bold(what), ' ', ...(known === undefined ? [code(room)] : roomNameAndId(known))];
}
