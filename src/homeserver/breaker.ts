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

/** A request that takes longer is a reason to look whether the homeserver is away. */
const slowMs = 5000;

/**
 * A request that gets no answer opens nothing: it may have been one of its kind. Whoever watches the homeserver
 * makes sure. When the breaker opens, reads that are in flight fail, too; a change may still arrive.
 *
 * @param options.serverName for errors
 * @param options.onNoAnswer called while the breaker is closed, if a request gets no answer, or none for long
 * @param options.whyRefused what follows the name in the error of a request that is refused
 */
export function createBreaker(options: {
  readonly serverName: string;
  onNoAnswer(): void;
  whyRefused(awayMs: number): string;
}): Breaker {
  const { serverName, onNoAnswer, whyRefused } = options;
  const reads = new Set<() => void>();
  let awaySince: number | undefined;

  const refusal = (request: string, since: number) =>
    new UnreachableError(request, whyRefused(Date.now() - since), false);

  function noteNoAnswer(): void {
    if (awaySince === undefined) {
      onNoAnswer();
    }
  }

  /** Ends when the request does, or when the breaker opens. */
  async function read<Answer>(request: string, send: () => Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const refuse = () => reject(refusal(request, awaySince ?? Date.now()));
      reads.add(refuse);
      send()
        .then(resolve, reject)
        .finally(() => reads.delete(refuse));
    });
  }

  return {
    async around(request, send) {
      const slow = setTimeout(noteNoAnswer, slowMs).unref();
      try {
        if (awaySince !== undefined) {
          throw refusal(request, awaySince);
        }
        return await (request.startsWith('GET ') ? read(request, send) : send());
      } catch (error) {
        if (error instanceof UnreachableError) {
          noteNoAnswer();
        }
        throw aboutServer(error, serverName);
      } finally {
        clearTimeout(slow);
      }
    },
    open(since) {
      awaySince = since;
      reads.forEach((refuse) => refuse());
    },
    close() {
      awaySince = undefined;
    },
  };
}
