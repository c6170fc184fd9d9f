import type { SynapseConfig } from '../synapse/config.ts';
import { startOwnHomeserver } from '../synapse/homeserver.ts';
import type { OwnHomeserver } from '../synapse/homeserver.ts';
import { request } from '../synapse/http.ts';
import type { Mas, StartedMas } from './mas.ts';
import { startRealMas } from './real-mas.ts';
import { startStandIn } from './stand-in.ts';

/** A Synapse that delegates accounts, and the service that it delegates them to. */
export interface DelegatedHomeserver {
  readonly homeserver: OwnHomeserver;
  readonly mas: Mas;
  /** Makes an account that MAS does not know, as application services do. Returns its Matrix ID. */
  addUserOfSynapseAlone(localpart: string): Promise<string>;
  stop(): Promise<void>;
}

/** The path of a real MAS that tests run against, undefined if there is only the stand-in. */
export const realMasBinary = process.env['LAWSPEAKER_TEST_MAS'] || undefined;
/** How long starting may take: a debug build of MAS needs a minute or two to compile its policies. */
export const masStartLimitMs = realMasBinary === undefined ? 60_000 : 240_000;

/** The MAS for tests: the one that `LAWSPEAKER_TEST_MAS` names if that is set, else the stand-in. */
async function startMasForTests(): Promise<StartedMas> {
  return realMasBinary === undefined
    ? startStandIn()
    : startRealMas(realMasBinary, process.env['LAWSPEAKER_TEST_MAS_DATABASE']);
}

/**
 * Starts a throwaway Synapse in delegated mode, with a MAS of its own on a loopback port.
 *
 * @param start which MAS; by default the one for tests
 * @param config top-level keys of Synapse's configuration that replace ours
 * @throws SetupError if Synapse or a real MAS can't be started
 */
export async function startDelegatedHomeserver(
  start: () => Promise<StartedMas> = startMasForTests,
  config: SynapseConfig = {},
): Promise<DelegatedHomeserver> {
  await using starting = new AsyncDisposableStack();
  const started = await start();
  starting.defer(started.stop);
  const { url: endpoint, secret } = started;
  const homeserver = await startOwnHomeserver({
    ...config,
    matrix_authentication_service: { enabled: true, endpoint, secret },
  });
  starting.defer(homeserver.stop);
  const mas = await started.connect(homeserver);
  const running = starting.move();

  return {
    homeserver,
    mas,
    async addUserOfSynapseAlone(localpart) {
      await request(homeserver.url, 'POST', '/_synapse/mas/provision_user', {
        accessToken: secret,
        json: { localpart },
      });
      return `@${localpart}:${homeserver.serverName}`;
    },
    stop: async () => running.disposeAsync(),
  };
}
