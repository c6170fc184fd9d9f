import { z } from 'zod';

import { HomeserverError } from '../../core/errors.ts';
import { mxcParts, parseMxcUri } from '../../core/ids.ts';
import { apiObject } from '../decode.ts';
import type { Download } from '../download.ts';
import type { SendRequest } from '../http.ts';

/** The largest file that is downloaded. A list of ten thousand user IDs is far smaller. */
export const maxFileBytes = 2 * 1024 * 1024;
const uploadTimeoutMs = 120_000;
const downloadTemplate = '/_matrix/client/v1/media/download/{server_name}/{media_id}';

/** Files. */
export function mediaApi(send: SendRequest, download: Download) {
  return {
    /**
     * Uploads a file. POST /_matrix/media/v3/upload
     *
     * @param file.name the name that the server stores; undefined for none
     * @returns an mxc URI
     */
    async upload(file: {
      readonly bytes: Buffer;
      readonly contentType: string;
      readonly name: string | undefined;
    }): Promise<string> {
      const { bytes, contentType, name } = file;
      const answer = await send('POST', '/_matrix/media/v3/upload', {
        query: { filename: name },
        file: { bytes, contentType },
        timeoutMs: uploadTimeoutMs,
        answer: apiObject({ content_uri: z.string() }),
      });
      return answer.contentUri;
    },

    /**
     * Downloads a file. GET /_matrix/client/v1/media/download/{server_name}/{media_id}
     *
     * @throws HomeserverError 404 unknown, or not an mxc URI
     * @throws TooLargeAnswerError it has more than `maxFileBytes`; the rest is not read
     */
    async download(uri: string): Promise<Buffer> {
      const mxc = parseMxcUri(uri);
      if (mxc === undefined) {
        throw new HomeserverError(404, 'M_NOT_FOUND', `GET ${downloadTemplate}`);
      }
      const { serverName, mediaId } = mxcParts(mxc);
      return download(downloadTemplate, {
        path: { server_name: serverName, media_id: mediaId },
        maxBytes: maxFileBytes,
      });
    },
  };
}
