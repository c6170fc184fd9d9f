import type { HomeserverName } from '../chat/reading/values.ts';
import { UnreachableError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { HomeserverServices } from '../services/services.ts';
import type { Homeserver } from './homeserver.ts';

/** A homeserver that has answered, and what commands can do there. */
interface ModeratedHomeserver extends Pick<Homeserver, 'api' | 'botUser' | 'serverName'> {
  readonly services: HomeserverServices;
}

/** The homeservers that the bot moderates. */
export interface Homeservers {
  /** The first is where the management room is. */
  readonly names: readonly HomeserverName[];
  /** @throws UnreachableError it has not answered since the bot started */
  get(serverName: string): ModeratedHomeserver;
  /** Whether this is one of the bot's own accounts. */
  isBot(user: UserId): boolean;
}

/**
 * @param first where the management room is
 * @param servicesOn builds what commands can do on a homeserver
 */
export function createHomeservers(
  first: Homeserver,
  servicesOn: (homeserver: Homeserver) => HomeserverServices,
): Homeservers {
  const known = new Map([[first.serverName, { ...first, services: servicesOn(first) }]]);
  return {
    names: [{ name: first.serverName, serverName: first.serverName }],
    get(serverName) {
      const found = known.get(serverName);
      if (found === undefined) {
        throw new UnreachableError('none', `${serverName} has not answered yet`, false);
      }
      return found;
    },
    isBot: (user) => [...known.values()].some(({ botUser }) => botUser === user),
  };
}
