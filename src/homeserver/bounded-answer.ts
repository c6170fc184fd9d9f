import type { RequestPromise } from 'got';

import { TooLargeAnswerError } from '../core/errors.ts';

/** Bytes of an answer after decompression: more than any list of Synapse's has in one page. */
export const maxAnswerBytes = 32 * 1024 * 1024;

/**
 * Reads one answer and stops as soon as it gets larger than `maxBytes`, counted after decompression:
 * what a few bytes unpack to must not fill the memory.
 *
 * @param request method and path template, for the error
 * @param signal ends the request for other reasons
 * @param send makes the request, under the signal it is given
 * @throws TooLargeAnswerError there is more; and what `send` throws
 */
export async function boundedAnswer<Answer>(
  request: string,
  maxBytes: number,
  signal: AbortSignal | undefined,
  send: (signal: AbortSignal) => RequestPromise<Answer>,
): Promise<Answer> {
  const tooLarge = new AbortController();
  const sent = send(
    signal === undefined ? tooLarge.signal : AbortSignal.any([signal, tooLarge.signal]),
  );
  // Also of an attempt that is repeated: each begins at 0.
  void sent.on('downloadProgress', ({ transferred }) => {
    if (transferred > maxBytes) {
      tooLarge.abort();
    }
  });
  try {
    return await sent;
  } catch (error) {
    throw tooLarge.signal.aborted ? new TooLargeAnswerError(request, maxBytes) : error;
  }
}
