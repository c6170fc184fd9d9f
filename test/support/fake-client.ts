import { clientApiOn } from '../../src/homeserver/client/client-api.ts';
import type { ClientApi } from '../../src/homeserver/client/client-api.ts';
import { fillTemplate } from '../../src/homeserver/http.ts';
import type { SendRequest } from '../../src/homeserver/http.ts';

interface FakeRequest {
  readonly method: string;
  /** Without the query, percent-encoded. */
  readonly path: string;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** A client-server API that gives what `respond` makes, without any network. */
export function fakeClient(respond: (request: FakeRequest) => unknown): ClientApi {
  const send: SendRequest = async (method, template, { path = {}, query = {}, body, answer }) =>
    answer.parse(await respond({ method, path: fillTemplate(template, path), query, body }));
  return clientApiOn({ send, download: async () => Buffer.alloc(0) });
}
