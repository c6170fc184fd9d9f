/**
 * Runs a throwaway Synapse in the foreground: `node dev/synapse/run.ts [data folder]`. Ctrl-C stops
 * it. Without a data folder, nothing is kept.
 */
import { once } from 'node:events';

import { SetupError } from '../../src/core/errors.ts';
import { startHomeserver } from './homeserver.ts';

try {
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const starting = startHomeserver({ dataDir: process.argv[2], onProgress: console.error });
  const first = await Promise.race([starting, interrupted.then(() => undefined)]);
  // Interrupted during the start: Synapse ends with this process.
  if (!first) process.exit(130);

  await using homeserver = first;
  console.log(`Homeserver:    ${homeserver.url}`);
  console.log(`Server name:   ${homeserver.serverName}`);
  console.log(`Shared secret: ${homeserver.sharedSecret}`);
  console.log(`Synapse ${homeserver.version}; log: ${homeserver.logFile ?? '(external server)'}`);
  console.error('Ctrl-C stops it.');
  const exited = homeserver.exited.then(() => 'exited');
  if ((await Promise.race([exited, interrupted])) === 'exited') {
    console.error('Synapse has exited.');
    process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
