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
export function newSynapseConfig(folder: string) {
  const signingKey = randomBytes(32).toString('base64').replaceAll('=', '');
  return {
    server_name: 'localhost',
    report_stats: false,
    log_config: path.join(folder, 'log.json'),
    database: { name: 'sqlite3', args: { database: path.join(folder, 'homeserver.db') } },

    // Given here, so that Synapse need not run once beforehand to generate it.
    signing_key: `ed25519 a_${randomBytes(2).toString('hex')} ${signingKey}`,
    registration_shared_secret: randomBytes(24).toString('base64url'),

    // The server never talks to others.
    trusted_key_servers: [],
    federation_domain_whitelist: [],

    // Synapse pauses a second between the indexes of a new database, and answers 500 to some
    // changes until all are built. Without pauses this takes a third of a second.
    background_updates: { sleep_enabled: false },

    presence: { enabled: false },
    bcrypt_rounds: 4,
    ...rateLimits,
  };
}

/** Makes Synapse listen on `port` of the loopback address; 0: on a free port. */
export function listenerConfig(port: number): SynapseConfig {
  const resources = [{ names: ['client', 'media'], compress: false }];
  return {
    listeners: [
      // Requests can come from any address: see `RequestOptions.address`.
      { port, type: 'http', bind_addresses: ['127.0.0.1'], x_forwarded: true, resources },
    ],
  };
}

/** Python's logging configuration: Synapse prints warnings and errors, and the port it listens on. */
export const logConfig = {
  version: 1,
  disable_existing_loggers: false,
  formatters: { line: { format: '%(asctime)s %(levelname)s %(name)s - %(message)s' } },
  handlers: { output: { class: 'logging.StreamHandler', formatter: 'line' } },
  loggers: { 'synapse.app._base': { level: 'INFO' } },
  root: { level: 'WARNING', handlers: ['output'] },
};

/** The port, if Synapse has logged that it listens. */
export function listeningPort(log: string): number | undefined {
  const port = /now listening on TCP port (?<port>\d+)/u.exec(log)?.groups?.['port'];
  return port === undefined ? undefined : Number(port);
}
