import { z } from 'zod';

import type { EventId, RoomId } from '../../core/ids.ts';
import { roomPath } from '../client.ts';
import type { MatrixCall } from '../client.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';

const event = z.object({
  sender: z.string(),
  content: z.object({
    'm.mentions': z
      .object({ user_ids: z.array(z.string()) })
      .optional()
      .catch(undefined),
  }),
});

/**
 * Who sent an event and whom it mentions; empty if that can't be found out.
 * GET /_matrix/client/v3/rooms/{room}/event/{event}
 */
export async function peopleOf(
  { call, crypto }: { call: MatrixCall; crypto: RoomCrypto },
  room: RoomId,
  id: EventId,
): Promise<readonly string[]> {
  try {
    const raw = await call('GET', `${roomPath(room)}/event/${encodeURIComponent(id)}`);
    const { sender, content } = event.parse((await crypto.decrypt(room, raw)) ?? raw);
    return [sender, ...(content['m.mentions']?.user_ids ?? [])];
  } catch {
    // The command is refused then, which can do no harm.
    return [];
  }
}
