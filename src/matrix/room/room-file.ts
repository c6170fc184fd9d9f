import { z } from 'zod';

import { LawspeakerError, TooLargeAnswerError, UsageError } from '../../core/errors.ts';
import { parseMxcUri } from '../../core/ids.ts';
import type { EventId, RoomId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { maxFileBytes } from '../../homeserver/client/media.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';

const tooLarge = `That file is too large: a list may have up to ${maxFileBytes / 1024 / 1024} MiB.`;

const uri = z.string().refine((text) => parseMxcUri(text) !== undefined);
const info = z.object({ size: z.number().optional() }).optional();

/** A file's location: a link, with the key if the room is encrypted. */
const fileEvent = z.object({
  type: z.literal('m.room.message'),
  content: z.union([
    z.object({ msgtype: z.literal('m.file'), url: uri, info, file: z.undefined().optional() }),
    z.object({
      msgtype: z.literal('m.file'),
      info,
      file: z.looseObject({
        url: uri,
        key: z.looseObject({
          kty: z.literal('oct'),
          key_ops: z.array(z.string()),
          alg: z.literal('A256CTR'),
          k: z.string(),
          ext: z.literal(true),
        }),
        iv: z.string(),
        hashes: z.looseObject({ sha256: z.string() }),
        v: z.literal('v2'),
      }),
    }),
  ]),
});

/**
 * The text of a file that was sent to the room.
 *
 * @throws UsageError the event is not a file, or the file is not text, too large, or can't be decrypted
 */
export async function readRoomFile(
  { client, crypto }: { client: Pick<ClientApi, 'events' | 'media'>; crypto: RoomCrypto },
  room: RoomId,
  event: EventId,
): Promise<string> {
  const clear = await crypto.decrypt(room, await client.events.get(room, event));
  if (clear === undefined) {
    throw refusal('I can’t read that message: its key did not reach me.');
  }
  const read = fileEvent.safeParse(clear);
  if (!read.success) {
    throw refusal('That message is not a file.');
  }
  const { content } = read.data;
  // The size that the sender states saves a download; the download is measured too.
  if ((content.info?.size ?? 0) > maxFileBytes) {
    throw refusal(tooLarge);
  }
  let bytes: Buffer;
  try {
    bytes =
      content.file === undefined
        ? await client.media.download(content.url)
        : await crypto.unpackFile(content.file);
  } catch (error) {
    if (error instanceof TooLargeAnswerError) {
      throw refusal(tooLarge);
    }
    throw error instanceof LawspeakerError
      ? error
      : refusal('I can’t decrypt that file with the key in the message.');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refusal('That file is not a text file.');
  }
}

function refusal(message: string): UsageError {
  return new UsageError(message, {
    word: '--from-file',
    advice: 'Reply to a text file with one user per line.',
  });
}
