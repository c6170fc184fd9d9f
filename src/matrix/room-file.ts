import { z } from 'zod';

import { UsageError } from '../errors.ts';
import { mxcParts, parseMxcUri } from '../ids.ts';
import type { EventId, RoomId } from '../ids.ts';
import { roomPath } from './client.ts';
import type { MatrixCall } from './client.ts';

/** A list of a thousand user IDs fits well; what is larger is no list. */
const largestFileBytes = 512 * 1024;

const fileEvent = z.object({
  type: z.literal('m.room.message'),
  content: z.object({
    msgtype: z.literal('m.file'),
    url: z.string(),
    info: z.object({ size: z.number().optional() }).optional(),
  }),
});

/**
 * The text of a file that was sent to the room.
 * GET /_matrix/client/v3/rooms/{room}/event/{event}, GET /_matrix/client/v1/media/download/…
 *
 * @throws UsageError the event is no file, or no text, or too large
 */
export async function readRoomFile(
  call: MatrixCall,
  room: RoomId,
  event: EventId,
): Promise<string> {
  const read = fileEvent.safeParse(
    await call('GET', `${roomPath(room)}/event/${encodeURIComponent(event)}`),
  );
  const uri = read.success ? parseMxcUri(read.data.content.url) : undefined;
  if (uri === undefined) {
    throw refusal('That message is no file.');
  }
  if ((read.data?.content.info?.size ?? 0) > largestFileBytes) {
    throw refusal('That file is too large.');
  }
  const { serverName, mediaId } = mxcParts(uri);
  const bytes = await call(
    'GET',
    `/_matrix/client/v1/media/download/${encodeURIComponent(serverName)}/${encodeURIComponent(mediaId)}`,
    { binary: true },
  );
  if (!Buffer.isBuffer(bytes) || bytes.length > largestFileBytes) {
    throw refusal('That file is too large.');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refusal('That file is no text.');
  }
}

function refusal(message: string): UsageError {
  return new UsageError(message, {
    word: '--from-file',
    advice: 'Reply to a text file with one user a line.',
  });
}
