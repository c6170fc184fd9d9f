import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

import { startOwnHomeserver } from '../synapse/homeserver.ts';
import type { OwnHomeserver } from '../synapse/homeserver.ts';
import { answerAdminApi } from './admin-api.ts';
import { Refusal } from './answers.ts';
import type { Answer, Call } from './answers.ts';
import { addCompatSession, answerOAuth } from './oauth.ts';
import type { Client } from './oauth.ts';
import { addSession, newId, newState, newUser } from './state.ts';
import { createSynapseLink } from './synapse-link.ts';

/** The stand-in for MAS, and what people do at it that its admin API can't do. */
export interface StandInMas {
  readonly url: string;
  /** An admin client, for client credentials. */
  readonly client: Client;
  /** As `mas-cli manage issue-compatibility-token` does. */
  issueCompatToken(
    username: string,
    options?: { readonly deviceId?: string; readonly isSynapseAdmin?: boolean },
  ): Promise<string>;
  /** A login in a browser. */
  addBrowserSession(userId: string): void;
  /**
   * A session of an OAuth 2.0 client, with this device. Returns its token.
   *
   * @param options.client a client of MAS's configuration, or one that has registered itself, which is the default
   * @param options.scope besides those of a Matrix client
   */
  addOAuthSession(
    user: { readonly id: string; readonly username: string },
    deviceId: string,
    options?: { readonly client?: 'dynamic' | 'static'; readonly scope?: string },
  ): Promise<string>;
  /** Makes an account that MAS does not tell Synapse about. */
  addUserOfMasAlone(username: string): void;
  /** Makes MAS forget an account, as if only Synapse had ever known it. */
  forget(username: string): void;
  /** What MAS would tell Synapse waits until the function that this returns is called. */
  holdJobs(): () => void;
  /** Its admin API does not answer until the function that this returns is called. */
  closeAdminApi(): () => void;
}

/** A Synapse that delegates accounts, and the service that it delegates them to. */
export interface DelegatedHomeserver {
  readonly homeserver: OwnHomeserver;
  readonly mas: StandInMas;
  stop(): Promise<void>;
}

/**
 * Starts a throwaway Synapse in delegated mode, with a stand-in for the Matrix Authentication Service
 * (MAS) on a loopback port. The stand-in keeps its state in memory, answers as MAS 1.22 does, errors
 * included, and tells Synapse about accounts and devices as MAS does. It has no pages for browsers.
 */
export async function startDelegatedHomeserver(): Promise<DelegatedHomeserver> {
  const secret = randomBytes(24).toString('base64url');
  const client = { clientId: newId(), clientSecret: newSecret() };
  const state = newState();
  const dynamicClient = { id: newId(), name: 'Element', isStatic: false };
  const staticClient = { id: newId(), name: 'Admin tool', isStatic: true };
  state.clients.push(
    { id: client.clientId, name: 'Lawspeaker', isStatic: true },
    dynamicClient,
    staticClient,
  );
  const synapse = createSynapseLink(state, secret);
  let serverName = '';
  let isAdminApiOpen = true;

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(incoming.url ?? '', url);
    const { method = '', headers } = incoming;
    if (!isAdminApiOpen && path.startsWith('/api/')) {
      incoming.socket.destroy();
      return;
    }
    const call: Call = { method, path, query, headers, text: await text(incoming) };
    send(outgoing, await answer(call));
  }

  async function answer(call: Call): Promise<Answer> {
    try {
      return (
        (await answerOAuth(call, { url, secret, serverName, client, state, synapse })) ??
        (await answerAdminApi(call, { state, synapse, serverName })) ?? {
          status: 404,
          body: '<!DOCTYPE html><title>Not found</title>',
          contentType: 'text/html',
        }
      );
    } catch (error) {
      if (error instanceof Refusal) {
        return error.answer;
      }
      return { status: 500, body: { errors: [{ title: String(error) }] } };
    }
  }

  async function stopMas(): Promise<void> {
    synapse.stop();
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  const homeserver = await startOwnHomeserver({
    matrix_authentication_service: { enabled: true, endpoint: url, secret },
  }).catch(async (error: unknown) => {
    await stopMas();
    throw error;
  });
  synapse.connect(homeserver.url);
  serverName = homeserver.serverName;

  return {
    homeserver,
    mas: {
      url,
      client,
      async issueCompatToken(username, options) {
        return (await addCompatSession(state, synapse, username, options)).token;
      },
      addBrowserSession(userId) {
        addSession(state, { kind: 'user', userId, scope: '' });
      },
      async addOAuthSession({ id: userId, username }, deviceId, options = {}) {
        const { client: kind = 'dynamic', scope: more } = options;
        const scope = ['urn:matrix:client:api:*', `urn:matrix:client:device:${deviceId}`, more]
          .filter((part) => part !== undefined)
          .join(' ');
        const clientId = (kind === 'static' ? staticClient : dynamicClient).id;
        await synapse.addDevice(username, deviceId);
        return addSession(state, { kind: 'oauth2', userId, clientId, scope }).token;
      },
      addUserOfMasAlone(username) {
        state.users.push(newUser(username));
      },
      forget(username) {
        const kept = state.users.filter((user) => user.username !== username);
        state.users.splice(0, state.users.length, ...kept);
      },
      holdJobs: synapse.hold,
      closeAdminApi() {
        isAdminApiOpen = false;
        return () => {
          isAdminApiOpen = true;
        };
      },
    },
    async stop() {
      await homeserver.stop();
      await stopMas();
    },
  };
}

function newSecret(): string {
  return randomBytes(24).toString('base64url');
}

function send(outgoing: ServerResponse, { status, body, contentType }: Answer): void {
  const isText = typeof body === 'string';
  outgoing.writeHead(status, {
    'content-type': contentType ?? (isText ? 'text/plain' : 'application/json'),
  });
  outgoing.end(isText || body === undefined ? body : JSON.stringify(body));
}
