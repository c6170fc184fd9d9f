import { bold, code } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { roomNameAndId } from '../../chat/answers/room.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { TargetError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import type { RoomDetail } from '../../services/services.ts';

/**
 * Blocks a room or lifts that, and says what is known of it: nothing, where this server has not seen
 * it yet or not any more.
 *
 * @throws TargetError there is nothing to change
 */
export async function setBlocked(
  context: Pick<Context, 'services'> & { readonly args: { readonly room: RoomId } },
  block: boolean,
): Promise<RoomDetail | undefined> {
  const { args, services } = context;
  const { rooms } = services.api;
  const [isBlocked, known] = await Promise.all([rooms.isBlocked(args.room), rooms.find(args.room)]);
  if (isBlocked === block) {
    throw new TargetError(
      'state',
      `\`${args.room}\` is ${block ? 'blocked already' : 'not blocked'}`,
      'Nothing was changed.',
    );
  }
  await rooms.setBlocked(args.room, block);
  return known;
}

/** `**Blocked** Lobby `!id`` */
export function blockedRoom(what: string, room: RoomId, known: RoomDetail | undefined): Content {
  return [bold(what), ' ', ...(known === undefined ? [code(room)] : roomNameAndId(known))];
}
