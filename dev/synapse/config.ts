import { randomBytes } from 'node:crypto';
import path from 'node:path';

/** Top-level keys of Synapse's `homeserver.yaml`. */
export type SynapseConfig = Readonly<Record<string, unknown>>;

/** Tests and the demo do more in a second than users may do in an hour. */
const unlimited = { per_second: 10_000, burst_count: 10_000 };

/** Every limit in Synapse 1.163.2's `synapse/config/ratelimiting.py`. */
const rateLimits: SynapseConfig = {
  rc_message: unlimited,
  rc_registration: unlimited,
  rc_registration_token_validity: unlimited,
  rc_login: { address: unlimited, account: unlimited, failed_attempts: unlimited },
  rc_admin_redaction: unlimited,
  rc_joins: { local: unlimited, remote: unlimited },
  rc_joins_per_room: unlimited,
  rc_3pid_validation: unlimited,
  rc_invites: { per_room: unlimited, per_user: unlimited, per_issuer: unlimited },
  rc_third_party_invite: unlimited,
  rc_media_create: unlimited,
  rc_presence: { per_user: unlimited },
  rc_delayed_event_mgmt: unlimited,
  rc_room_creation: unlimited,
  rc_reports: unlimited,
  rc_user_directory: unlimited,
  rc_profile: unlimited,
};

/** The configuration of a new server: all its data in `folder`, no federation, cheap hashes. */
export function newSynapseConfig(folder: string): SynapseConfig {
  const signingKey = randomBytes(32).toString('base64').replaceAll('=', '');
  return {
    server_name: 'localhost',
    report_stats: false,
    pid_file: path.join(folder, 'homeserver.pid'),
    log_config: path.join(folder, 'log.json'),
    database: { name: 'sqlite3', args: { database: path.join(folder, 'homeserver.db') } },
    media_store_path: path.join(folder, 'media'),

    // Given here, so that Synapse need not run once beforehand to generate it.
    signing_key: `ed25519 a_${randomBytes(2).toString('hex')} ${signingKey}`,
    macaroon_secret_key: secret(),
    form_secret: secret(),
    registration_shared_secret: secret(),

    // The server never talks to others.
    trusted_key_servers: [],
    suppress_key_server_warning: true,
    federation_domain_whitelist: [],
    url_preview_enabled: false,

    // Synapse pauses a second between the indexes of a new database, and answers 500 to some
    // changes until all are built. Without pauses this takes a third of a second.
    background_updates: { sleep_enabled: false },

    enable_registration: false,
    allow_guest_access: false,
    presence: { enabled: false },
    bcrypt_rounds: 4,
    ...rateLimits,
  };
}

const instanceKey = 'lawspeaker.instance';

/** The part of the configuration that belongs to one start, identified by `instance`. */
export function listenerConfig(port: number, instance: string): SynapseConfig {
  return {
    public_baseurl: `http://127.0.0.1:${port}/`,
    extra_well_known_client_content: { [instanceKey]: instance },
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

/** The instance that a server publishes in `GET /.well-known/matrix/client`. */
export function instanceOf(wellKnown: unknown): unknown {
  return new Map<string, unknown>(Object.entries(wellKnown ?? {})).get(instanceKey);
}

/** Python's logging configuration: Synapse prints warnings and errors. */
export const logConfig = {
  version: 1,
  disable_existing_loggers: false,
  formatters: { line: { format: '%(asctime)s %(levelname)s %(name)s - %(message)s' } },
  handlers: { output: { class: 'logging.StreamHandler', formatter: 'line' } },
  root: { level: 'WARNING', handlers: ['output'] },
};

function secret(): string {
  return randomBytes(24).toString('base64url');
}
