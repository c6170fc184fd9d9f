import { keyOf } from '../../config/homeservers.ts';
import type { Config } from '../../config/schema.ts';
import { durationMs } from '../../core/duration.ts';
import { SetupError, UnreachableError, isRefusedForGood } from '../../core/errors.ts';
import type { HomeserverError } from '../../core/errors.ts';
import { findDelegation } from '../../homeserver/mas/delegation.ts';
import type { Delegation } from '../../homeserver/mas/delegation.ts';
import type { MasApi } from '../../homeserver/mas/mas-api.ts';
import { asked, clientAddress } from './asked.ts';

/** The Matrix Authentication Service (MAS) of a homeserver that delegates accounts to it. */
export interface DelegatedTo {
  /** The public URL of MAS. */
  readonly issuer: string;
  readonly mas: MasApi;
  /** Version of MAS, such as `v1.22.0`. */
  readonly version: string;
  /** The homeserver that MAS serves. */
  readonly serverName: string;
}

/**
 * Finds out whether the homeserver delegates accounts, and whether the bot can use MAS's admin API then. Asks
 * a homeserver that keeps its accounts itself one request.
 *
 * @throws SetupError what is wrong and what to do
 * @throws UnreachableError the homeserver or MAS does not answer; this may pass
 */
export async function askDelegation(
  config: Pick<Config, 'homeserver' | 'mas'>,
  assertMayChange?: () => void,
): Promise<DelegatedTo | undefined> {
  const { url } = config.homeserver;
  const requestTimeoutMs = durationMs(config.homeserver.requestTimeout);
  const delegation = await asked(
    async () =>
      findDelegation(url, {
        requestTimeoutMs,
        // Servers that know only the older path are asked for it if there is a reason to.
        isLikely: config.mas !== undefined,
      }),
    () => undefined,
    clientAddress(config.homeserver),
  );
  if (delegation === undefined) {
    if (config.mas !== undefined) {
      throw new SetupError(
        `The configuration has mas.url, but ${url} does not delegate accounts: it keeps them itself.`,
        `Remove mas from the configuration, or correct ${keyOf(config.homeserver, 'url')}.`,
      );
    }
    return undefined;
  }
  if (config.mas === undefined) {
    throw new SetupError(
      `${url} delegates accounts to the Matrix Authentication Service at ${delegation.issuer}, and the configuration has no mas.url.`,
      howToConnect,
    );
  }
  return connect(config, config.mas, delegation, assertMayChange);
}

/** What to add to the configuration of MAS. */
export const linesForMas = [
  '  clients:',
  '    - client_id: 01234567890123456789012345   # any ULID',
  '      client_auth_method: client_secret_basic',
  '      client_secret: SECRET',
  '  policy:',
  '    data:',
  '      admin_clients:',
  '        - 01234567890123456789012345',
  '  http:',
  '    listeners:   # a listener of its own, or one that is there',
  '      - name: admin',
  '        resources: [{ name: adminapi }]',
  '        binds: [{ address: "127.0.0.1:8081" }]',
];

/** What to add to the two configurations. */
const howToConnect = [
  'Add the bot as a client to the configuration of MAS, and restart MAS:',
  ...linesForMas,
  'Then set mas.url, mas.clientId and mas.clientSecret in the bot’s configuration. docs/mas.md explains this.',
].join('\n');

/** The commands that make the bot's account at MAS, and a token that is a server admin. */
export const commandsAtMas = (localpart: string) => [
  `mas-cli manage register-user --yes ${localpart}`,
  commandForToken(localpart),
];

export const commandForToken = (localpart: string) =>
  `mas-cli manage issue-compatibility-token ${localpart} LAWSPEAKER --yes-i-want-to-grant-synapse-admin-privileges`;

async function connect(
  config: Pick<Config, 'homeserver'>,
  { url, clientId, clientSecret, accessToken }: NonNullable<Config['mas']>,
  { issuer, tokenEndpoint }: Delegation,
  assertMayChange: (() => void) | undefined,
): Promise<DelegatedTo> {
  // Loaded only if it is used.
  const { createMasApi } = await import('../../homeserver/mas/mas-api.ts');
  const mas = createMasApi({
    url,
    credentials:
      clientId !== undefined && clientSecret !== undefined
        ? { clientId, clientSecret }
        : { accessToken: accessToken ?? config.homeserver.accessToken },
    tokenEndpoint: tokenEndpoint ?? undefined,
    requestTimeoutMs: durationMs(config.homeserver.requestTimeout),
    assertMayChange,
    serverName: config.homeserver.serverName,
  });
  try {
    const [{ serverName }, version] = await Promise.all([
      mas.server.siteConfig(),
      mas.server.version(),
    ]);
    return { issuer, mas, version, serverName };
  } catch (error) {
    throw whyNotConnected(error, url);
  }
}

/** Explains why MAS can't be used; what may pass stays as it is. */
function whyNotConnected(error: unknown, url: string): unknown {
  if (isRefusedForGood(error)) {
    return new SetupError(
      `The Matrix Authentication Service at ${url} refuses the bot (${error.status} ${error.errcode}).`,
      adviceFor(error),
    );
  }
  if (error instanceof UnreachableError && error.code === 'foreign_answer') {
    return new SetupError(
      `Something other than the admin API of the Matrix Authentication Service answers at ${url}.`,
      error.advice,
    );
  }
  return error instanceof UnreachableError
    ? new UnreachableError(
        error.request,
        `can’t be used without the authentication service, which does not answer at ${url}`,
        false,
        { advice: 'Check mas.url, and that MAS runs and can be reached from here.' },
      )
    : error;
}

function adviceFor({ errcode, advice }: HomeserverError): string | undefined {
  switch (errcode) {
    case 'MAS_INVALID_CLIENT':
      return [
        'The configuration of MAS must have the bot as a client, with the same secret:',
        '  clients:',
        '    - client_id: …   # mas.clientId of the bot',
        '      client_auth_method: client_secret_basic',
        '      client_secret: …   # mas.clientSecret of the bot',
        'Restart MAS after the change.',
      ].join('\n');
    case 'MAS_INVALID_SCOPE':
      return [
        'MAS does not let this client use its admin API. Add to the configuration of MAS:',
        '  policy:',
        '    data:',
        '      admin_clients:',
        '        - …   # mas.clientId of the bot',
        'Restart MAS after the change.',
      ].join('\n');
    default:
      return advice;
  }
}
