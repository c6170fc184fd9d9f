import type { Client, ClientConfig } from 'pg';

const connectTimeoutMs = 10_000;
/** No transaction of the bot waits for anything else. */
const idleTimeoutMs = 5000;

/** Limits that the role or the database may have for other programs. The bot's own are enough. */
export const withoutLimits = '-c lock_timeout=0 -c idle_session_timeout=0';

const int8 = 20;
const numeric = 1700;

/** Loaded only if it is used: most bots have SQLite. */
export async function loadPg() {
  return (await import('pg')).default;
}

/** How every connection is made. Whole numbers are numbers, as on SQLite; none of them is too large. */
export async function clientConfig(url: string): Promise<ClientConfig> {
  const { types } = await loadPg();
  return {
    connectionString: url,
    application_name: 'lawspeaker',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    options: withoutLimits,
    // A process that was frozen in a transaction must not hold up the one that takes over.
    idle_in_transaction_session_timeout: idleTimeoutMs,
    types: {
      getTypeParser: (type: number, format?: 'text' | 'binary') =>
        type === int8 || type === numeric ? Number : types.getTypeParser(type, format ?? 'text'),
    },
  };
}

/** A connection of its own, which is not made yet. */
export async function newClient(
  url: string,
  options: { readonly name?: string; readonly timeoutMs?: number } = {},
): Promise<Client> {
  const pg = await loadPg();
  const config = await clientConfig(url);
  const { name = config.application_name, timeoutMs } = options;
  const client = new pg.Client({
    ...config,
    application_name: name,
    // On both sides: an answer can get lost with the machine that it comes from.
    ...(timeoutMs === undefined ? {} : { query_timeout: timeoutMs, statement_timeout: timeoutMs }),
  });
  // If it is lost between two statements, the next one says so.
  client.on('error', () => undefined);
  return client;
}
