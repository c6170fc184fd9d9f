import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';

/** A request of ours that has ended. */
export interface EndedRequest {
  readonly api: 'admin' | 'client' | 'sync';
  readonly method: string;
  /** The HTTP status, or `none` where no answer came. */
  readonly status: string;
  readonly seconds: number;
}

/** Which part of the homeserver a path belongs to. A sync takes as long as it is allowed to. */
function apiOf(path: string): EndedRequest['api'] {
  if (path.startsWith('/_synapse/')) {
    return 'admin';
  }
  return /^\/_matrix\/client\/v3\/sync(?:\?|$)/u.test(path) ? 'sync' : 'client';
}

/**
 * Tells of every HTTP request of this process, all of which go to the homeserver: by Node's own
 * channels, so that nothing in between has to remember it. A request that is tried again is several.
 *
 * @returns stops telling
 */
export function watchRequests(onEnd: (request: EndedRequest) => void): () => void {
  const startedAt = new WeakMap<ClientRequest, number>();

  const start = (message: unknown) => {
    startedAt.set((message as { request: ClientRequest }).request, performance.now());
  };
  const end = (request: ClientRequest, status: string) => {
    const at = startedAt.get(request);
    if (at !== undefined) {
      // An answer that breaks off is heard of twice.
      startedAt.delete(request);
      const seconds = (performance.now() - at) / 1000;
      onEnd({ api: apiOf(request.path), method: request.method, status, seconds });
    }
  };
  const finish = (message: unknown) => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    end(request, String(response.statusCode ?? 'none'));
  };
  const fail = (message: unknown) => end((message as { request: ClientRequest }).request, 'none');

  const channels = [
    ['http.client.request.start', start],
    ['http.client.response.finish', finish],
    ['http.client.request.error', fail],
  ] as const;
  channels.forEach(([name, listener]) => subscribe(name, listener));
  return () => channels.forEach(([name, listener]) => unsubscribe(name, listener));
}
