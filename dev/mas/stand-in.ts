import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

import { answerAdminApi } from './admin-api.ts';
import { Refusal } from './answers.ts';
import type { Answer, Call } from './answers.ts';
import type { Mas, StartedMas } from './mas.ts';
import { addCompatSession, answerOAuth } from './oauth.ts';
import { addSession, newId, newState, newUser, now } from './state.ts';
import { createSynapseLink } from './synapse-link.ts';

/**
 * Starts a stand-in for the Matrix Authentication Service (MAS) on a loopback port. It keeps its state in
 * memory, answers as MAS 1.22 does, errors included, and tells Synapse about accounts and devices as MAS does.
 * It has no pages for browsers.
 */
export async function startStandIn(): Promise<StartedMas> {
  const secret = randomBytes(24).toString('base64url');
  const client = { clientId: newId(), clientSecret: newSecret() };
  const state = newState();
  const dynamicClient = { id: newId(), name: 'Element', isStatic: false, takesPeople: true };
  const staticClient = { id: newId(), name: 'Admin tool', isStatic: true, takesPeople: true };
  state.clients.push(
    { id: client.clientId, name: 'Lawspeaker', isStatic: true, takesPeople: false },
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

  const mas: Mas = {
    url,
    client,
    async issueCompatToken(username, options) {
      return (await addCompatSession(state, synapse, username, options)).token;
    },
    async addBrowserSession({ id: userId }) {
      addSession(state, { kind: 'user', userId, scope: '' });
    },
    async addOAuthSession({ id: userId, username }, deviceId, options = {}) {
      const { client: kind = 'dynamic', scope: more } = options;
      const scope = ['urn:matrix:client:api:*', `urn:matrix:client:device:${deviceId}`, more]
        .filter((part) => part !== undefined)
        .join(' ');
      const clientId = (kind === 'static' ? staticClient : dynamicClient).id;
      await synapse.addDevice(username, deviceId);
      // Its browser is closed again.
      const { session: browser } = addSession(state, { kind: 'user', userId, scope: '' });
      browser.endedAt = now();
      const userSessionId = browser.id;
      return addSession(state, { kind: 'oauth2', userId, clientId, scope, userSessionId }).token;
    },
    async addUserOfMasAlone(username) {
      state.users.push(newUser(username));
    },
    holdJobs: synapse.hold,
    closeAdminApi() {
      isAdminApiOpen = false;
      return () => {
        isAdminApiOpen = true;
      };
    },
  };

  return {
    url,
    secret,
    async connect(homeserver) {
      synapse.connect(homeserver.url);
      serverName = homeserver.serverName;
      return mas;
    },
    async stop() {
      synapse.stop();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
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
