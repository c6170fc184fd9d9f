import type { IncomingMessage } from 'node:http';

import { minuteMs } from '../../core/duration.ts';
import { isInternal, networkOf } from '../../core/ip.ts';

const maxAttempts = 10;
const windowMs = 10 * minuteMs;
/** More networks than this are not counted one by one: the oldest is forgotten. */
const maxNetworks = 1000;

/** How often somebody came with a wrong link. */
export interface Attempts {
  /** Whether this network has come with too many lately. */
  areTooMany(network: string): boolean;
  count(network: string): void;
}

/** Nobody can guess a token. Whoever tries is told to stop. */
export function createAttempts(now: () => number): Attempts {
  const counted = new Map<string, { readonly since: number; readonly number: number }>();
  const current = (network: string) => {
    const found = counted.get(network);
    return found !== undefined && now() - found.since < windowMs
      ? found
      : { since: now(), number: 0 };
  };
  return {
    areTooMany: (network) => current(network).number >= maxAttempts,
    count(network) {
      const { since, number } = current(network);
      counted.delete(network);
      counted.set(network, { since, number: number + 1 });
      if (counted.size > maxNetworks) {
        const [oldest = ''] = counted.keys();
        counted.delete(oldest);
      }
    },
  };
}

/**
 * The network that a request comes from. Behind a proxy, that is the address that the proxy has added itself:
 * the last one. Anybody else could write there what they like.
 */
export function networkOfClient({
  socket,
  headers,
}: Pick<IncomingMessage, 'headers' | 'socket'>): string {
  const peer = socket.remoteAddress ?? '';
  const forwarded = isInternal(peer)
    ? String(headers['x-forwarded-for'] ?? '')
        .split(',')
        .at(-1)
        ?.trim()
    : undefined;
  return networkOf(forwarded ?? '') ?? networkOf(peer) ?? 'unknown';
}
