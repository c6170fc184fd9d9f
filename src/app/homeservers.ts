import type { HomeserverName } from '../chat/reading/values.ts';
import type { Config } from '../config/schema.ts';
import { isLate } from '../core/async/patience.ts';
import { TargetError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import { masTraits, synapseTraits } from '../services/accounts/traits.ts';
import type { HomeserverState } from '../services/bot/bot-operations.ts';
import type { AccountTraits, HomeserverServices } from '../services/services.ts';
import type { Homeserver } from './homeserver.ts';
import { watchHomeserver } from './other-homeservers/watch.ts';
import type { WatchHomeserverOptions } from './other-homeservers/watch.ts';

/** A homeserver that has answered, and what commands can do there. */
interface ModeratedHomeserver extends Pick<
  Homeserver,
  'api' | 'botUser' | 'client' | 'requestTimeoutMs' | 'serverName'
> {
  readonly services: HomeserverServices;
}

/** The homeservers that the bot moderates. */
export interface Homeservers {
  /** Where the management room is. */
  readonly first: Homeserver;
  /**
   * @param how.forReading if it has not answered since the bot started, its requests fail instead
   * @throws UnreachableError it has not answered since the bot started, or the bot can't be used there
   * @throws TargetError it is not in the configuration
   */
  get(serverName: string, how?: { readonly forReading?: boolean }): ModeratedHomeserver;
  /** Whether this is one of the bot's own accounts. */
  isBot(user: UserId): boolean;
  /** How it is with those beside the first. */
  states(): readonly HomeserverState[];
  /** Looks at those beside the first from now on. Waits a moment for their answers. */
  start(): Promise<void>;
  stop(): void;
}

/** How long the start of the bot waits for homeservers that it can work without. */
const startPatienceMs = 2000;

/** What the homeservers are called; the first is where the management room is. */
export function homeserverNames(
  { homeserver, otherHomeservers }: Pick<Config, 'homeserver' | 'otherHomeservers'>,
  serverName: string,
): readonly HomeserverName[] {
  return [
    { name: homeserver.name ?? serverName, serverName },
    ...otherHomeservers.map(({ homeserver: { name, serverName: other } }) => ({
      name,
      serverName: other,
    })),
  ];
}

/**
 * How accounts behave on each homeserver. The bot works on one with `mas` only if it delegates its accounts, and
 * otherwise only without: so this is known while it is away.
 */
export function traitsIn({
  mas,
  otherHomeservers,
}: Pick<Config, 'mas' | 'otherHomeservers'>): (serverName: string) => AccountTraits {
  const others = new Map(otherHomeservers.map((one) => [one.homeserver.serverName, one.mas]));
  return (serverName) =>
    (others.has(serverName) ? others.get(serverName) : mas) === undefined
      ? synapseTraits
      : masTraits;
}

/**
 * @param first where the management room is
 * @param servicesOn builds what commands can do on a homeserver
 */
export function createHomeservers(
  first: Homeserver,
  servicesOn: (homeserver: Homeserver) => HomeserverServices,
  {
    config: { otherHomeservers },
    ...watching
  }: WatchHomeserverOptions & {
    readonly config: Pick<Config, 'otherHomeservers'>;
  },
): Homeservers {
  const others = otherHomeservers.map((entry) => watchHomeserver(entry, watching));
  const services = new WeakMap<Homeserver, HomeserverServices>();

  function homeserverCalled(serverName: string, forReading: boolean): Homeserver {
    if (serverName === first.serverName) {
      return first;
    }
    const other = others.find((one) => one.serverName === serverName);
    if (other === undefined) {
      // An operation may be older than the configuration. Waiting for it would be in vain.
      throw new TargetError(
        'unknown',
        `${serverName} is not among my homeservers any more`,
        'Whoever runs the bot can add it to `homeservers` in the configuration again.',
      );
    }
    return forReading ? other.getForReading() : other.get();
  }

  return {
    first,
    get(serverName, { forReading = false } = {}) {
      const homeserver = homeserverCalled(serverName, forReading);
      const own = services.get(homeserver) ?? servicesOn(homeserver);
      services.set(homeserver, own);
      return { ...homeserver, services: own };
    },
    isBot: (user) =>
      user === first.botUser ||
      others.some(({ serverName }) => watching.botAccounts.on(serverName) === user),
    states: () => others.map((other) => other.state()),
    async start() {
      await isLate(Promise.all(others.map(async (other) => other.start())), startPatienceMs);
    },
    stop: () => others.forEach((other) => other.stop()),
  };
}
