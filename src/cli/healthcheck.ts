import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';

import { writeListenAddress } from '../config/listen.ts';
import type { ListenAddress } from '../config/listen.ts';
import type { Config } from '../config/schema.ts';
import { SetupError } from '../core/errors.ts';
import type { Output } from './output.ts';

/** Longer than the bot waits for its database before it answers. */
const patienceMs = 8000;

/** Addresses that mean "all of this machine", and where to ask then. */
const loopback: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * Asks the running bot's `/health/ready` and prints one line: `ready`, or what is wrong.
 *
 * @returns whether the bot is ready
 * @throws SetupError `http.listen` is off
 */
export async function healthcheck(
  { http }: Pick<Config, 'http'>,
  output: Output,
  options: { patienceMs?: number } = {},
): Promise<boolean> {
  if (http.listen === 'off') {
    throw new SetupError(
      'healthcheck asks the bot at http.listen, which is off.',
      'Set http.listen to an address such as 127.0.0.1:9090, and restart the bot.',
    );
  }
  const { isReady, text } = await ask(http.listen, options.patienceMs ?? patienceMs);
  await output(`${text}\n`);
  return isReady;
}

async function ask(
  { host, port }: ListenAddress,
  timeoutMs: number,
): Promise<{ isReady: boolean; text: string }> {
  const address = { host: loopback[host] ?? host, port };
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ ...address, path: '/health/ready', agent: false, signal }, resolve).on('error', reject);
    });
    const lines = (await response.setEncoding('utf8').toArray()).join('').trim().split('\n');
    return { isReady: response.statusCode === 200, text: lines.join('; ') };
  } catch (error) {
    const where = writeListenAddress(address);
    return {
      isReady: false,
      text: signal.aborted
        ? `no answer from ${where} within ${timeoutMs / 1000} s`
        : `no bot answers at ${where}${codeOf(error)}: is it running?`,
    };
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
}
