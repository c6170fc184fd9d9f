import type { SynapseConfig } from './config.ts';
import { startExternal } from './external-homeserver.ts';
import { startLocal } from './local-homeserver.ts';

export interface StopOptions {
  /** Keep the data folder, to start the same server again with `startHomeserver({ dataDir })`. */
  keepData?: boolean;
}

/** A running Synapse. */
export interface Homeserver extends AsyncDisposable {
  /** Base URL of the client-server and admin API, without a slash at the end. */
  readonly url: string;
  readonly serverName: string;
  /** Synapse's `registration_shared_secret`. */
  readonly sharedSecret: string;
  readonly version: string;
  /** Somebody else's server: `stop()` and `kill()` leave it alone, other users are on it. */
  readonly external: boolean;
  readonly dataDir?: string;
  readonly logFile?: string;
  /** Resolves when the server has ended, for whatever reason; never for an external one. */
  readonly exited: Promise<void>;
  /**
   * Stops the server and, unless told otherwise, removes its data folder if it was a temporary
   * one. Can be called again.
   */
  stop(options?: StopOptions): Promise<void>;
  /** Ends the server as a crash does (SIGKILL) and keeps its data. */
  kill(): Promise<void>;
}

export interface StartOptions {
  /** Gets short lines fit for a human. */
  onProgress?: ((line: string) => void) | undefined;
  /**
   * Where the server keeps its data. A server that was there before is started again: same
   * accounts, keys, secret, port and configuration. Default: a new temporary folder.
   */
  dataDir?: string | undefined;
  /** Default: `localhost`. */
  serverName?: string | undefined;
  /** Top-level keys of Synapse's configuration that replace ours; kept in `dataDir`. */
  config?: SynapseConfig | undefined;
  env?: NodeJS.ProcessEnv | undefined;
}

/**
 * Starts a throwaway Synapse on a free loopback port, installing it first when need be, and
 * returns when it answers. It ends with this process, however this process ends.
 *
 * With `LAWSPEAKER_TEST_HOMESERVER_URL` set, and no `dataDir` asked for, the server there is used
 * instead, with `LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET`; `config` is then without effect.
 *
 * @throws SetupError when it can't be installed, started or reached.
 */
export async function startHomeserver(options: StartOptions = {}): Promise<Homeserver> {
  const env = options.env ?? process.env;
  const externalUrl = env['LAWSPEAKER_TEST_HOMESERVER_URL'];
  if (externalUrl !== undefined && externalUrl !== '' && options.dataDir === undefined) {
    return startExternal(externalUrl, env['LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET']);
  }
  return startLocal(options);
}
