import { pino } from 'pino';
import type { Logger } from 'pino';
import { PinoPretty } from 'pino-pretty';

/** Names of fields whose values are secrets, wherever they stand. */
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

/** Tokens as Synapse writes them, and what follows `Bearer`. */
const secretText = /\b(?:syt_[\w-]+|mct_\w+|Bearer\s+\S+)|(?<=access_token=)[^&\s"]+/gu;

export function redactText(text: string): string {
  return text.replaceAll(secretText, '[redacted]');
}

/** An error as the log keeps it: without causes and own properties, which may hold a request. */
function errorFields(error: unknown): object {
  return error instanceof Error
    ? { type: error.name, message: redactText(error.message), stack: redactText(error.stack ?? '') }
    : { message: redactText(String(error)) };
}

/**
 * The log, to standard error. Secrets are taken out by name and by form.
 *
 * @param format `json` for machines, `pretty` for people
 */
export function createLog(options: { level: string; format: 'json' | 'pretty' }): Logger {
  const destination =
    options.format === 'pretty'
      ? PinoPretty({ destination: 2, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' })
      : pino.destination({ dest: 2, sync: true });
  return pino(
    {
      level: options.level,
      redact: {
        paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[redacted]',
      },
      serializers: { err: errorFields },
      hooks: {
        logMethod(parameters, method) {
          const [fields, message, ...rest] = parameters as unknown[];
          const clean = (value: unknown) => (typeof value === 'string' ? redactText(value) : value);
          method.apply(this, [clean(fields), clean(message), ...rest] as Parameters<typeof method>);
        },
      },
    },
    destination,
  );
}

export type { Logger };
