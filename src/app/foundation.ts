import { databasePlace } from '../config/database-place.ts';
import type { Config } from '../config/schema.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import { createMoves } from '../matrix/room/upgrade.ts';
import type { Moves } from '../matrix/room/upgrade.ts';
import type { Logger } from '../observability/log.ts';
import type { Probes } from '../observability/probes.ts';
import { lockDatabase } from '../store/database.ts';
import type { DatabaseLock } from '../store/files/lock.ts';
import { openStore } from '../store/store.ts';
import type { Store } from '../store/store.ts';
import { createClient } from './homeserver.ts';
import { openConfiguredProbes } from './probes.ts';
import { AddressError } from './setup/asked.ts';
import { checkSetup } from './setup/setup.ts';
import type { Setup } from './setup/setup.ts';
import type { Timing } from './timing.ts';
import { lockKeys } from './transport.ts';
import { untilAnswered } from './until-answered.ts';

/** What is there before the parts of the bot are built, and is closed after them. */
export interface Foundation {
  readonly config: Config;
  readonly log: Logger;
  readonly timing: Timing;
  readonly probes: Probes;
  /** Of the database. */
  readonly lock: DatabaseLock;
  readonly store: Store;
  /** Aborted when a transaction was cut off: the bot starts again. */
  readonly interrupted: AbortSignal;
  readonly client: ClientApi;
  readonly moves: Moves;
  readonly setup: Setup;
  /** Aborted by `endRequests`. */
  readonly signal: AbortSignal;
  /** Ends the requests in flight. */
  endRequests(): void;
  close(): Promise<void>;
}

/**
 * Takes the database, opens it, and asks the homeserver whether the bot can work.
 *
 * @param patience.patienceMs how long to wait for a database that is away
 * @param patience.signal ends the waiting
 * @throws SetupError it can't work like this, and what to do
 */
export async function openFoundation(
  config: Config,
  log: Logger,
  timing: Timing,
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<Foundation> {
  const stopping = new AbortController();
  signal.addEventListener('abort', () => stopping.abort(), {
    once: true,
    signal: stopping.signal,
  });
  const warn = (warning: string) => log.warn({}, warning);
  /** Closed in reverse order. */
  const opened = new AsyncDisposableStack();
  let probes: Probes | undefined;
  opened.defer(async () => probes?.close());
  try {
    // First of all: a second bot with this configuration must hear of the first one, not of its port.
    const lock = await lockDatabase(databasePlace(config.database), {
      warn,
      patienceMs,
      signal: stopping.signal,
      onAnswering(whyNot) {
        if (whyNot === undefined) {
          log.info({}, 'the database answers again');
        } else {
          log.warn({ reason: whyNot }, 'the database does not answer: waiting for it');
        }
      },
      async onStandby(leader) {
        probes = await openConfiguredProbes(config, log);
        probes.standsBy();
        log.info({ leader }, 'another process leads; this one stands by');
      },
    });
    opened.defer(async () => lock.release());
    const { lease } = lock;
    // While it starts, nothing else notices.
    lease?.lost.catch(() => stopping.abort());
    probes ??= await openConfiguredProbes(config, log);
    const client = createClient(config, stopping.signal, timing, lease);
    const interrupted = new AbortController();
    const store = await openStore(databasePlace(config.database), {
      inform: (message) => log.info({}, message),
      lock,
      onInterrupted: () => interrupted.abort(),
    });
    opened.defer(async () => store.close());
    if (config.encryption.enabled) {
      const { path } = config.encryption;
      const keys = await lockKeys(path, { warn, lease, signal: stopping.signal });
      opened.defer(() => keys.release());
    }
    const moves = createMoves(store.syncState);
    // The first sync stores its token; a move to another room discards the token, and stores the place.
    const { get } = store.syncState;
    const hasWorked = ((await get('token')) ?? (await get('placeIn'))) !== undefined;
    const setup = await untilAnswered(
      log,
      stopping.signal,
      async () => checkSetup(config, client, moves, lease?.assertHeld),
      (error) => hasWorked && error instanceof AddressError,
    );
    return {
      config,
      log,
      timing,
      probes,
      lock,
      store,
      interrupted: interrupted.signal,
      client,
      moves,
      setup,
      signal: stopping.signal,
      endRequests: () => stopping.abort(),
      close: async () => opened.disposeAsync(),
    };
  } catch (error) {
    stopping.abort();
    await opened.disposeAsync();
    throw error;
  }
}
