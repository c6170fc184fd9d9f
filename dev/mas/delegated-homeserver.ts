import { startOwnHomeserver } from '../synapse/homeserver.ts';
import type { OwnHomeserver } from '../synapse/homeserver.ts';
import { request } from '../synapse/http.ts';
import type { Client } from './oauth.ts';
import { startRealMas } from './real-mas.ts';
import { startStandIn } from './stand-in.ts';

/** The Matrix Authentication Service (MAS) or its stand-in, and what people do there that its admin API can't do. */
export interface Mas {
  readonly url: string;
  /** An admin client, for client credentials. */
  readonly client: Client;
  /** As `mas-cli manage issue-compatibility-token` does. */
  issueCompatToken(
    username: string,
    options?: { readonly deviceId?: string; readonly isSynapseAdmin?: boolean },
  ): Promise<string>;
  /** A login in a browser. */
  addBrowserSession(user: MasPerson): Promise<void>;
  /**
   * A session of an OAuth 2.0 client, with this device. Returns its token.
   *
   * @param deviceId at least 10 characters
   * @param options.client a client of MAS's configuration, or one that has registered itself, which is the default
   * @param options.scope besides those of a Matrix client
   */
  addOAuthSession(
    user: MasPerson,
    deviceId: string,
    options?: { readonly client?: 'dynamic' | 'static'; readonly scope?: string },
  ): Promise<string>;
  /** Makes an account that MAS does not tell Synapse about. */
  addUserOfMasAlone(username: string): Promise<void>;
  /** What MAS would tell Synapse waits until the function that this returns is called. */
  holdJobs(): () => void;
  /** Its admin API does not answer until the function that this returns is called. */
  closeAdminApi(): () => void;
}

/** An account of MAS, as its admin API shows it. */
export interface MasPerson {
  readonly id: string;
  readonly username: string;
}

/** A MAS that Synapse can be pointed at, before Synapse has started. */
export interface StartedMas {
  readonly url: string;
  /** Synapse and MAS know each other by it. */
  readonly secret: string;
  connect(homeserver: OwnHomeserver): Promise<Mas>;
  stop(): Promise<void>;
}

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
 * @throws SetupError if Synapse or a real MAS can't be started
 */
export async function startDelegatedHomeserver(
  start: () => Promise<StartedMas> = startMasForTests,
): Promise<DelegatedHomeserver> {
  await using starting = new AsyncDisposableStack();
  const started = await start();
  starting.defer(started.stop);
  const { url: endpoint, secret } = started;
  const homeserver = await startOwnHomeserver({
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
