import type { OwnHomeserver } from '../synapse/homeserver.ts';
import type { Client } from './oauth.ts';

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
