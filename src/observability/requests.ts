import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';

/** A request of the bot that has ended. */
export interface EndedRequest {
  readonly api: 'admin' | 'client' | 'mas' | 'sync';
  readonly method: string;
  /** The HTTP status, or `none` if there was no answer. */
  readonly status: string;
  readonly seconds: number;
}

/** The API that a path belongs to. Syncs are separate, because they wait for news. */
function apiOf(path: string): EndedRequest['api'] {
  // A proxy may serve any of the APIs below a path of its own.
  if (path.includes('/_synapse/')) {
    return 'admin';
  }
  if (/\/_matrix\/client\/v3\/sync(?:\?|$)/u.test(path)) {
    return 'sync';
  }
  return /\/(?:_matrix|\.well-known)\//u.test(path) ? 'client' : 'mas';
}

/**
 * Reports every HTTP request of this process, by Node's diagnostics channels. Requests go to the homeserver
 * or to MAS. Each retry counts as a request.
 *
 * @returns a function that stops it
 */
export function watchRequests(onEnd: (request: EndedRequest) => void): () => void {
  const startedAt = new WeakMap<ClientRequest, number>();

  const start = (message: unknown) => {
    startedAt.set((message as { request: ClientRequest }).request, performance.now());
  };
  const end = (request: ClientRequest, status: string) => {
    const at = startedAt.get(request);
    if (at !== undefined) {
      // An interrupted answer causes two events.
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
