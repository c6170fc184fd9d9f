import { z } from 'zod';

import type { EventId, RoomId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
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
 * Who sent an event and whom it mentions; empty if it can't be read.
 */
export async function peopleOf(
  { client, crypto }: { client: Pick<ClientApi, 'events'>; crypto: RoomCrypto },
  room: RoomId,
  id: EventId,
): Promise<readonly string[]> {
  try {
    const raw = await client.events.get(room, id);
    const { sender, content } = event.parse((await crypto.decrypt(room, raw)) ?? raw);
    return [sender, ...(content['m.mentions']?.user_ids ?? [])];
  } catch {
    // The command is refused then, which does no harm.
    return [];
  }
}
