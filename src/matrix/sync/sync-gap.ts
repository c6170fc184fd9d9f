import { z } from 'zod';

import type { RoomId } from '../../core/ids.ts';
import { roomPath } from '../client.ts';
import type { MatrixCall } from '../client.ts';

const messagesPage = z.object({
  chunk: z.array(z.unknown()).default([]),
  end: z.string().optional(),
});

/** Synapse gives no more at once. */
const pageLimit = 100;
/** What a management room hears in a day or more; what is older than `commands.maxAge` is not done anyway. */
const usualMaxEvents = 5000;
/** Of JSON. An event has up to 64 kB. */
const usualMaxBytes = 16 * 1024 * 1024;

export interface Gap {
  /** Oldest first. */
  readonly events: unknown[];
  /** False if there was more than is read: then the oldest are missing. */
  readonly isWhole: boolean;
}

/**
 * What a limited timeline left out: the server sends only the newest events after an absence. However
 * much there is, a bounded number of the newest is read.
 * GET /_matrix/client/v3/rooms/{room}/messages
 *
 * @param since the token of the last sync
 * @param before the token where the timeline begins
 */
export async function readGap(
  call: MatrixCall,
  room: RoomId,
  { since, before }: { readonly since: string; readonly before: string },
  { maxEvents = usualMaxEvents, maxBytes = usualMaxBytes } = {},
): Promise<Gap> {
  const newestFirst: unknown[] = [];
  let bytes = 0;
  let from: string | undefined = before;
  // A page without anything new is the last, so there are never more pages than events.
  while (from !== undefined) {
    if (newestFirst.length >= maxEvents || bytes >= maxBytes) {
      return { events: newestFirst.reverse(), isWhole: false };
    }
    const { chunk, end }: z.output<typeof messagesPage> = messagesPage.parse(
      await call('GET', `${roomPath(room)}/messages`, {
        query: { dir: 'b', from, to: since, limit: pageLimit },
      }),
    );
    newestFirst.push(...chunk);
    bytes += JSON.stringify(chunk).length;
    from = chunk.length === 0 || end === from ? undefined : end;
  }
  return { events: newestFirst.reverse(), isWhole: true };
}
