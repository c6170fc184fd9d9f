import type { HomeserverEntry } from '../../config/homeservers.ts';
import { LawspeakerError, UnreachableError, isRefusedForGood } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { createAdminApi } from '../../homeserver/admin/admin-api.ts';
import type { Around } from '../../homeserver/http.ts';
import type { Lease } from '../../store/files/lock.ts';
import { createClient, createHomeserver } from '../homeserver.ts';
import type { Homeserver } from '../homeserver.ts';
import { askHomeserver, homeserverSetup } from '../setup/homeserver.ts';
import type { Timing } from '../timing.ts';
import type { WatchMasOptions } from '../watch-mas.ts';

/** How long a request of a look may take. */
const maxRequestMs = 10_000;

export interface LookOptions {
  readonly log: Log;
  readonly timing: Timing;
  readonly lease: Lease | undefined;
  /** Ends requests in flight. */
  readonly signal: AbortSignal;
  /** Tells the admins of the room. `name` is different each time. */
  readonly alarm: WatchMasOptions['alarm'];
}

/** Why nothing can be done on a homeserver: it does not answer, or its set-up is wrong. */
export interface Finding {
  readonly kind: 'away' | 'refused';
  readonly error: LawspeakerError;
}

/** Looks at a homeserver, and makes what the bot needs to work there. */
export interface Looker {
  /** Undefined if the bot can work there. */
  look(): Promise<Finding | undefined>;
  /** Undefined until the bot could work there for the first time. */
  homeserver(): Homeserver | undefined;
  /** The version of Synapse, as it was last seen. */
  version(): string | undefined;
}

/** @param around happens around each request, except for those of the looks */
export function createLooker(
  entry: HomeserverEntry,
  around: Around,
  { log, timing, lease, signal, alarm }: LookOptions,
): Looker {
  const { url, adminUrl = url, accessToken } = entry.homeserver;
  const client = createClient(entry, signal, { requestTimeoutMs: maxRequestMs });
  const api = createAdminApi({ url: adminUrl, accessToken, requestTimeoutMs: maxRequestMs });
  let homeserver: Homeserver | undefined;
  let version: string | undefined;

  /** @throws SetupError, UnreachableError the bot can't work there */
  async function setUp(): Promise<void> {
    const setup = await homeserverSetup(askHomeserver(entry, client, lease?.assertHeld));
    version = setup.serverVersion;
    if (homeserver === undefined) {
      homeserver = await createHomeserver(entry, setup, {
        client: createClient(entry, signal, timing, lease, around),
        around,
        log,
        timing,
        lease,
        alarm,
      });
      homeserver.masWatch?.start();
    }
  }

  /** @throws UnreachableError */
  async function stillAccepts(): Promise<boolean> {
    try {
      const [, latest] = await Promise.all([
        client.account.whoami({ retry: 'never' }),
        api.server.version(),
      ]);
      version = latest;
      return true;
    } catch (error) {
      if (error instanceof LawspeakerError && !(error instanceof UnreachableError)) {
        // An error of its own is an answer.
        return !isRefusedForGood(error);
      }
      throw error;
    }
  }

  return {
    async look() {
      try {
        // The set-up also tells why a homeserver refuses what it accepted before.
        if (homeserver === undefined || !(await stillAccepts())) {
          await setUp();
        }
        return undefined;
      } catch (error) {
        if (error instanceof LawspeakerError) {
          return { kind: error instanceof UnreachableError ? 'away' : 'refused', error };
        }
        throw error;
      }
    },
    homeserver: () => homeserver,
    version: () => version,
  };
}
