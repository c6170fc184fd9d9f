import { z } from 'zod';

import { ForeignAnswerError, HomeserverError } from '../../core/errors.ts';
import { apiObject, maybe } from '../decode.ts';
import { createHttp, createSendRequest } from '../http.ts';

const authMetadata = apiObject({
  issuer: z.string(),
  account_management_uri: maybe(z.string()),
  token_endpoint: maybe(z.string()),
});

/**
 * What a homeserver says about the service that it delegates accounts to: public URLs. The admin API of
 * the service may be elsewhere.
 */
export type Delegation = z.output<typeof authMetadata>;

const metadataPath = '/_matrix/client/v1/auth_metadata';
/** Of servers that don't support version 1.15 of the specification yet. */
const olderMetadataPath = '/_matrix/client/unstable/org.matrix.msc2965/auth_metadata';

/**
 * Whom a homeserver delegates accounts to; undefined if it keeps them itself. Needs no token.
 * GET /_matrix/client/v1/auth_metadata
 *
 * If a proxy that doesn't know the path answers, that counts as a no: clients of a homeserver that delegates
 * accounts need the path, so its proxies pass it on.
 *
 * @param url the homeserver's base URL
 * @param options.isLikely whether to try the older path as well if the server doesn't know this one
 * @throws HomeserverError 500 the homeserver can't reach the service
 * @throws UnreachableError no answer
 */
export async function findDelegation(
  url: string,
  {
    requestTimeoutMs,
    isLikely = true,
  }: {
    readonly requestTimeoutMs?: number | undefined;
    readonly isLikely?: boolean | undefined;
  } = {},
): Promise<Delegation | undefined> {
  const send = createSendRequest(createHttp({ requestTimeoutMs }), url);
  for (const path of isLikely ? [metadataPath, olderMetadataPath] : [metadataPath]) {
    try {
      return await send('GET', path, { answer: authMetadata });
    } catch (error) {
      if (!isNo(error)) {
        throw error;
      }
    }
  }
  return undefined;
}

function isNo(error: unknown): boolean {
  return (
    (error instanceof HomeserverError || error instanceof ForeignAnswerError) &&
    error.status >= 300 &&
    error.status < 500 &&
    error.status !== 429
  );
}
