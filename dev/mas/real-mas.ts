import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';

import { poll } from '../../src/core/async/poll.ts';
import { SetupError } from '../../src/core/errors.ts';
import type { MasId } from '../../src/homeserver/mas/json-api.ts';
import { createMasApi } from '../../src/homeserver/mas/mas-api.ts';
import { openBrowser, registerClient } from './browser.ts';
import type { Mas, MasPerson, StartedMas } from './mas.ts';
import type { Client } from './oauth.ts';
import { newId } from './state.ts';

const run = promisify(execFile);

/** A debug build takes its time to compile its policies. */
const startLimitMs = 180_000;

/** Of clients that ask for tokens. Nothing listens there: the code is read from the URL. */
const redirectUri = 'https://client.example/callback';

const newSecret = () => randomBytes(24).toString('base64url');

/**
 * Starts a real Matrix Authentication Service (MAS), with a database of its own that `stop` removes. Synapse and
 * MAS reach each other through proxies of ours: so each can be told where the other is before it has started,
 * and tests can hold what one says to the other.
 *
 * @param binary path of `mas-cli`
 * @param databaseUrl of a PostgreSQL, as somebody who may create databases there
 * @throws SetupError if MAS can't be started
 */
export async function startRealMas(
  binary: string,
  databaseUrl: string | undefined,
): Promise<StartedMas> {
  if (databaseUrl === undefined) {
    throw new SetupError(
      'LAWSPEAKER_TEST_MAS needs LAWSPEAKER_TEST_MAS_DATABASE, the URL of a PostgreSQL in which its user may create databases.',
    );
  }
  await using starting = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-mas-'));
  starting.defer(async () => rm(folder, { recursive: true, force: true }));
  const socketPath = path.join(folder, 'mas.sock');

  let isAdminApiOpen = true;
  const front = await startProxy(async ({ path: asked }) =>
    isAdminApiOpen || !asked.startsWith('/api/') ? { socketPath } : 'no answer',
  );
  starting.defer(front.stop);
  const secret = newSecret();
  const running = starting.move();

  return {
    url: front.url,
    secret,

    async connect(homeserver) {
      let released = Promise.resolve();
      /** Accounts that Synapse does not hear about. */
      const hidden = new Set<unknown>();
      const { hostname: host, port } = new URL(homeserver.url);
      const back = await startProxy(async ({ path: asked, body }) => {
        if (asked.startsWith('/_synapse/mas/')) {
          await released;
          const json = body.length === 0 ? {} : (JSON.parse(body.toString()) as object);
          if ('localpart' in json && hidden.has(json.localpart)) {
            return 'empty answer';
          }
        }
        return { host, port };
      });
      running.defer(back.stop);

      const client = { clientId: newId(), clientSecret: newSecret() };
      const adminTool = { clientId: newId(), clientSecret: newSecret() };
      const database = await createDatabase(databaseUrl);
      running.defer(database.drop);
      const config = path.join(folder, 'config.json');
      const settings = masConfig({
        publicUrl: front.url,
        socketPath,
        databaseUrl: database.url,
        homeserver: { name: homeserver.serverName, url: back.url, secret },
        client,
        adminTool,
      });
      await writeFile(config, JSON.stringify(settings), { mode: 0o600 });
      running.defer(await runServer(binary, config, path.join(folder, 'mas.log'), front.url));

      const oauthClients = {
        static: { ...adminTool, redirectUri },
        dynamic: { ...(await registerClient(front.url, redirectUri)), redirectUri },
      };
      const api = createMasApi({ url: front.url, credentials: client });
      return {
        url: front.url,
        client,
        async issueCompatToken(username, { deviceId, isSynapseAdmin = false } = {}) {
          const { stdout, stderr } = await masCli(binary, config, [
            'manage',
            'issue-compatibility-token',
            username,
            ...(deviceId === undefined ? [] : [deviceId]),
            ...(isSynapseAdmin ? ['--yes-i-want-to-grant-synapse-admin-privileges'] : []),
          ]);
          const token = /mct_\w+/u.exec(stdout + stderr)?.[0];
          if (token === undefined) {
            throw new Error(`mas-cli issued no token: ${stdout}${stderr}`);
          }
          return token;
        },
        async addBrowserSession(user) {
          await openBrowser(front.url).logIn(user.username, await newPassword(user));
        },
        async addOAuthSession(user, deviceId, { client: kind = 'dynamic', scope } = {}) {
          const id = user.id as MasId;
          const { admin: wasAdmin = false } = (await api.users.find(id)) ?? {};
          // Only admins are given admin scopes, and these outlast it.
          await api.users.setAdmin(id, wasAdmin || scope !== undefined);
          const browser = openBrowser(front.url);
          await browser.logIn(user.username, await newPassword(user));
          const token = await browser.authorize(
            oauthClients[kind],
            ['urn:matrix:client:api:*', `urn:matrix:client:device:${deviceId}`, scope ?? '']
              .join(' ')
              .trim(),
          );
          await api.users.setAdmin(id, wasAdmin);
          // The browser is closed again: it would be a session of its own.
          const sessions = api.sessions.browser.all({ userId: id, status: 'active' });
          const own = (await Array.fromAsync(sessions)).at(-1);
          if (own !== undefined) {
            await api.sessions.browser.finish(own.id);
          }
          return token;
        },
        async addUserOfMasAlone(username) {
          hidden.add(username);
          await api.users.create({ localpart: username });
        },
        holdJobs() {
          const { promise, resolve } = Promise.withResolvers<void>();
          released = promise;
          return resolve;
        },
        closeAdminApi() {
          isAdminApiOpen = false;
          return () => {
            isAdminApiOpen = true;
          };
        },
      } satisfies Mas;

      async function newPassword({ id }: MasPerson): Promise<string> {
        const password = newSecret();
        await api.users.setPassword(id as MasId, { password, skipPasswordCheck: true });
        return password;
      }
    },

    stop: async () => running.disposeAsync(),
  };
}

interface Proxied {
  readonly path: string;
  readonly body: Buffer;
}

type Target =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: string }
  | 'no answer'
  | 'empty answer';

/**
 * Passes requests on, from a free loopback port.
 *
 * @param find says where a request goes, once it may go there
 */
async function startProxy(find: (call: Proxied) => Promise<Target>) {
  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method, headers, url = '/' } = incoming;
    const body = await buffer(incoming);
    const target = await find({ path: url, body });
    if (target === 'no answer') {
      incoming.socket.destroy();
    } else if (target === 'empty answer') {
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    } else {
      const sent = httpRequest({ ...target, method, headers, path: url });
      const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
      sent.end(body);
      const [answer] = await answered;
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    }
  }

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function createDatabase(serverUrl: string) {
  const name = `lawspeaker_mas_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl);
  url.pathname = name;
  const sql = async (statement: string) => {
    try {
      await run('psql', ['--no-psqlrc', '--quiet', '--command', statement, serverUrl]);
    } catch (error) {
      throw new SetupError(`psql failed with LAWSPEAKER_TEST_MAS_DATABASE: ${String(error)}`);
    }
  };
  await sql(`CREATE DATABASE ${name}`);
  return { url: url.href, drop: async () => sql(`DROP DATABASE ${name} WITH (FORCE)`) };
}

/** The configuration of a new MAS, with what `docs/mas.md` says to add for the bot. */
function masConfig(options: {
  readonly publicUrl: string;
  readonly socketPath: string;
  readonly databaseUrl: string;
  readonly homeserver: { readonly name: string; readonly url: string; readonly secret: string };
  readonly client: Client;
  readonly adminTool: Client;
}) {
  const { homeserver, client, adminTool } = options;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const unlimited = { burst: 100_000, per_second: 10_000 };
  const secretOf = ({ clientId, clientSecret }: Client) => ({
    client_id: clientId,
    client_auth_method: 'client_secret_basic',
    client_secret: clientSecret,
  });
  const resources = ['discovery', 'human', 'oauth', 'compat', 'adminapi'];
  return {
    http: {
      public_base: `${options.publicUrl}/`,
      listeners: [
        {
          name: 'web',
          resources: resources.map((name) => ({ name })),
          binds: [{ socket: options.socketPath }],
        },
      ],
    },
    database: { uri: options.databaseUrl },
    matrix: {
      kind: 'synapse',
      homeserver: homeserver.name,
      endpoint: homeserver.url,
      secret: homeserver.secret,
    },
    secrets: {
      encryption: randomBytes(32).toString('hex'),
      keys: [{ kid: 'test', key: privateKey.export({ type: 'pkcs8', format: 'pem' }) }],
    },
    clients: [
      { ...secretOf(client), client_name: 'Lawspeaker' },
      { ...secretOf(adminTool), client_name: 'Admin tool', redirect_uris: [redirectUri] },
    ],
    policy: { data: { admin_clients: [client.clientId] } },
    passwords: {
      // Cheap hashes.
      schemes: [{ version: 1, algorithm: 'bcrypt', cost: 4 }],
      minimum_complexity: 1,
    },
    rate_limiting: {
      login: { per_ip: unlimited, per_account: unlimited },
      registration: unlimited,
    },
    upstream_oauth2: {
      providers: [
        {
          id: newId(),
          issuer: 'https://id.example.com/',
          human_name: 'Example',
          client_id: 'mas',
          token_endpoint_auth_method: 'none',
          // Nothing listens there.
          discovery_mode: 'disabled',
          authorization_endpoint: 'https://id.example.com/authorize',
          token_endpoint: 'https://id.example.com/token',
          jwks_uri: 'https://id.example.com/jwks',
        },
      ],
    },
    email: { transport: 'blackhole' },
  };
}

/** How MAS is run: where it finds its templates and policies, and without variables that change how it runs. */
function surroundings(binary: string) {
  const env = Object.entries(process.env).filter(([name]) => !name.startsWith('MAS_'));
  return { cwd: shareFolder(binary), env: { ...Object.fromEntries(env), RUST_LOG: 'info' } };
}

/** Releases have the folder `share` beside the binary. In a tree of sources, the binary is somewhere in `target`. */
function shareFolder(binary: string): string {
  const beside = path.dirname(path.resolve(binary));
  for (let folder = beside; ; folder = path.dirname(folder)) {
    const known = ['share/policy.wasm', 'policies/policy.wasm'];
    if (known.some((file) => existsSync(path.join(folder, file)))) {
      return folder;
    }
    if (folder === path.dirname(folder)) {
      return beside;
    }
  }
}

async function masCli(binary: string, config: string, args: readonly string[]) {
  return run(path.resolve(binary), ['--config', config, ...args], surroundings(binary));
}

/**
 * Runs the server, which brings its database up to date first, and waits until it answers. It can't outlive this
 * process, whose end closes the shell's standard input. Returns what stops it.
 */
async function runServer(
  binary: string,
  config: string,
  logFile: string,
  url: string,
): Promise<() => Promise<void>> {
  await using log = await open(logFile, 'w');
  const script = '"$@" & cat >/dev/null; kill -9 $!';
  const args = ['-c', script, 'sh', path.resolve(binary), '--config', config, 'server'];
  const child = spawn('sh', args, {
    ...surroundings(binary),
    stdio: ['pipe', log.fd, log.fd],
  });
  const stop = async () => {
    const ended = once(child, 'exit');
    child.stdin?.end();
    await ended;
  };
  const answers = async () =>
    fetch(`${url}/.well-known/openid-configuration`).then(
      ({ ok }) => ok || undefined,
      () => undefined,
    );
  const times = { firstIntervalMs: 100, maxIntervalMs: 500, limitMs: startLimitMs };
  if ((await poll(answers, times)) === undefined) {
    await stop();
    const lines = (await readFile(logFile, 'utf8')).trim().split('\n');
    throw new SetupError(`MAS did not start: ${lines.slice(-5).join(' ').slice(-500)}`);
  }
  return stop;
}
