import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export type SynapseConfig = Record<string, JsonValue>;

/** What a test or the demo does in a second is more than a user is allowed in an hour. */
const GENEROUS = { per_second: 10_000, burst_count: 10_000 };

/** Every limit of `synapse/config/ratelimiting.py` that can be set, 1.163.2. */
const RATE_LIMITS: SynapseConfig = {
  rc_message: GENEROUS,
  rc_registration: GENEROUS,
  rc_registration_token_validity: GENEROUS,
  rc_login: { address: GENEROUS, account: GENEROUS, failed_attempts: GENEROUS },
  rc_admin_redaction: GENEROUS,
  rc_joins: { local: GENEROUS, remote: GENEROUS },
  rc_joins_per_room: GENEROUS,
  rc_3pid_validation: GENEROUS,
  rc_invites: { per_room: GENEROUS, per_user: GENEROUS, per_issuer: GENEROUS },
  rc_third_party_invite: GENEROUS,
  rc_media_create: GENEROUS,
  rc_presence: { per_user: GENEROUS },
  rc_delayed_event_mgmt: GENEROUS,
  rc_room_creation: GENEROUS,
  rc_reports: GENEROUS,
  rc_user_directory: GENEROUS,
  rc_profile: GENEROUS,
};

/**
 * The configuration of a new throwaway server: SQLite and everything else in `dataDir`, no
 * federation, no rate limits to speak of, cheap password hashes.
 */
export function newSynapseConfig(dataDir: string, serverName: string): SynapseConfig {
  return {
    server_name: serverName,
    report_stats: false,
    pid_file: join(dataDir, 'homeserver.pid'),
    log_config: join(dataDir, 'log.json'),
    database: { name: 'sqlite3', args: { database: join(dataDir, 'homeserver.db') } },
    media_store_path: join(dataDir, 'media'),

    // Given here, Synapse need not be run once beforehand to generate it.
    signing_key: `ed25519 a_${randomBytes(2).toString('hex')} ${base64Unpadded(randomBytes(32))}`,
    macaroon_secret_key: secret(),
    form_secret: secret(),
    registration_shared_secret: secret(),

    // It never talks to the outside.
    trusted_key_servers: [],
    suppress_key_server_warning: true,
    federation_domain_whitelist: [],
    url_preview_enabled: false,

    // A new database gets its indexes one a second; until then some changes are answered by 500
    // (making an erased account active again). Without pauses it is a third of a second.
    background_updates: { sleep_enabled: false },

    enable_registration: false,
    allow_guest_access: false,
    presence: { enabled: false },
    bcrypt_rounds: 4,
    ...RATE_LIMITS,
  };
}

/** The part that belongs to one start; {@link instanceOf} tells it apart from other servers. */
export function listenerConfig(port: number, instance: string): SynapseConfig {
  return {
    public_baseurl: `http://127.0.0.1:${port}/`,
    extra_well_known_client_content: { [INSTANCE_KEY]: instance },
    listeners: [
      {
        port,
        type: 'http',
        tls: false,
        bind_addresses: ['127.0.0.1'],
        x_forwarded: false,
        resources: [{ names: ['client', 'media'], compress: false }],
      },
    ],
  };
}

/** A setting that is a text; '' when it isn't there, or isn't one. */
export function textSetting(config: SynapseConfig, key: string): string {
  const value = config[key];
  return typeof value === 'string' ? value : '';
}

const INSTANCE_KEY = 'lawspeaker.instance';

/** The instance that `GET /.well-known/matrix/client` of a server we started tells. */
export function instanceOf(wellKnown: unknown): unknown {
  if (typeof wellKnown !== 'object' || wellKnown === null) return undefined;
  return new Map<string, unknown>(Object.entries(wellKnown)).get(INSTANCE_KEY);
}

/** Python's logging configuration: warnings and worse to a file. */
export function logConfig(logFile: string): SynapseConfig {
  return {
    version: 1,
    disable_existing_loggers: false,
    formatters: { line: { format: '%(asctime)s %(levelname)s %(name)s - %(message)s' } },
    handlers: {
      file: { class: 'logging.FileHandler', filename: logFile, formatter: 'line' },
    },
    root: { level: 'WARNING', handlers: ['file'] },
  };
}

function secret(): string {
  return randomBytes(24).toString('base64url');
}

function base64Unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
