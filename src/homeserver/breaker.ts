import { UnreachableError } from '../core/errors.ts';
import type { Around } from './http.ts';
import { aboutServer } from './named-server.ts';

/** Keeps requests from waiting for a homeserver that is known to be away. */
export interface Breaker {
  /** Refuses requests while the breaker is open. Errors have the homeserver's name. */
  readonly around: Around;
  /** The homeserver does not answer. @param since milliseconds since 1970 */
  open(since: number): void;
  /** It answers. */
  close(): void;
}

/**
 * A request that gets no answer opens nothing: it may have been one of its kind. Whoever watches the homeserver
 * makes sure.
 *
 * @param options.serverName for errors
 * @param options.onNoAnswer called while the breaker is closed, if a request gets no answer
 * @param options.whyRefused what follows the name in the error of a request that is refused
 */
export function createBreaker(options: {
  readonly serverName: string;
  onNoAnswer(): void;
  whyRefused(awayMs: number): string;
}): Breaker {
  const { serverName, onNoAnswer, whyRefused } = options;
  let awaySince: number | undefined;
  return {
    async around(request, send) {
      if (awaySince !== undefined) {
        const reason = whyRefused(Date.now() - awaySince);
        throw aboutServer(new UnreachableError(request, reason, false), serverName);
      }
      try {
        return await send();
      } catch (error) {
        if (error instanceof UnreachableError && awaySince === undefined) {
          onNoAnswer();
        }
        throw aboutServer(error, serverName);
      }
    },
    open(since) {
      awaySince = since;
    },
    close() {
      awaySince = undefined;
    },
  };
}
