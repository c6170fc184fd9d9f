import { z } from 'zod';

import { ForeignAnswerError, HomeserverError } from '../../core/errors.ts';
import { apiObject, maybe } from '../decode.ts';
import { createHttp } from '../http.ts';
import { createSendRequest } from '../request.ts';

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

/** The second one is for servers from before version 1.15 of the specification. */
const metadataPaths = [
  '/_matrix/client/v1/auth_metadata',
  '/_matrix/client/unstable/org.matrix.msc2965/auth_metadata',
];

/**
 * Whom a homeserver delegates accounts to; undefined if it keeps them itself. Needs no token.
 * GET /_matrix/client/v1/auth_metadata
 *
 * A proxy that answers 404 counts as a no: clients of a homeserver that delegates need this path, so its
 * proxies pass it on.
 *
 * @param url the homeserver's base URL
 * @throws HomeserverError 500 the homeserver can't reach the service
 * @throws UnreachableError no answer
 */
export async function findDelegation(
  url: string,
  options: { readonly requestTimeoutMs?: number | undefined } = {},
): Promise<Delegation | undefined> {
  const send = createSendRequest(createHttp(options), url);
  for (const path of metadataPaths) {
    try {
      return await send('GET', path, { answer: authMetadata });
    } catch (error) {
      const isMissing =
        (error instanceof HomeserverError || error instanceof ForeignAnswerError) &&
        error.status === 404;
      if (!isMissing) {
        throw error;
      }
    }
  }
  return undefined;
}
