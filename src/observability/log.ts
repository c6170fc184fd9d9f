import { pino } from 'pino';
import type { Logger } from 'pino';

/** Names of fields whose values are secrets, at any depth. */
const secretNames = [
  'accessToken',
  'access_token',
  'authorization',
  'password',
  'new_password',
  'newPassword',
  'token',
  'mac',
];

/**
 * Tokens of Synapse (`syt_…`) and of Matrix Authentication Service (`mct_…`), what follows `Bearer`, and
 * tokens in URLs. None of the forms matches a quote or a backslash, so that JSON stays valid.
 */
const secretForms =
  /sy[tlr]_[\w-]+|mct_\w+|m(?:at|ar|cr|pt)_[A-Za-z0-9]{20,}\w*|[Bb]earer\s+[^\s"'\\]+|(?<=access_token=)[^&\s"'\\]+/gu;

/** `"password":"…"`, also inside JSON strings, where the quotes are escaped. */
const namedSecrets = new RegExp(
  String.raw`((\\{0,7}")(?:${secretNames.join('|')})\2\s*:\s*)(?:"(?:[^"\\]|\\.)*"|(\\+")[^"]*\3)`,
  'giu',
);

/** Removes secrets from a text or a line of JSON, by name and by form. */
export function redactText(text: string): string {
  return text
    .replaceAll(
      namedSecrets,
      (_, name: string, quote: string) => `${name}${quote}[redacted]${quote}`,
    )
    .replaceAll(secretForms, '[redacted]');
}

/** An error as it is logged: without its cause and other properties, which may hold a request. */
function errorFields(error: unknown): object {
  return error instanceof Error
    ? { type: error.name, message: error.message, stack: error.stack ?? '' }
    : { message: String(error) };
}

/**
 * Creates the log, which goes to standard error. Secrets are removed by name and by form.
 *
 * @param format `json` for machines, `pretty` for people
 */
export async function createLog(options: {
  level: string;
  format: 'json' | 'pretty';
}): Promise<Logger> {
  const destination =
    options.format === 'pretty'
      ? (await import('pino-pretty')).PinoPretty({
          destination: 2,
          ignore: 'pid,hostname',
          translateTime: 'SYS:HH:MM:ss',
        })
      : pino.destination({ dest: 2, sync: true });
  return pino(
    {
      level: options.level,
      redact: {
        paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[redacted]',
      },
      serializers: { err: errorFields },
      // By name: pino's own numbers mean something else in other systems.
      formatters: { level: (level) => ({ level }) },
      // This sees each line as it is written, with everything in it at any depth.
      hooks: { streamWrite: redactText },
    },
    destination,
  );
}

export type { Logger };
