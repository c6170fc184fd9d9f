/**
 * Runs a throwaway Synapse in the foreground: `node dev/synapse/run.ts [data folder]`. Ctrl-C stops
 * it. Without a data folder nothing of it is kept.
 */
import { once } from 'node:events';

import { startHomeserver } from './homeserver.ts';
import { SetupError } from './setup-error.ts';

try {
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const starting = startHomeserver({
    dataDir: process.argv[2],
    onProgress: (line) => console.error(line),
  });
  const first = await Promise.race([starting, interrupted.then(() => undefined)]);
  // Broken off while starting: what was started ends with this process.
  if (!first) process.exit(130);

  await using homeserver = first;
  console.log(`Homeserver:    ${homeserver.url}`);
  console.log(`Server name:   ${homeserver.serverName}`);
  console.log(`Shared secret: ${homeserver.sharedSecret}`);
  console.log(`Synapse ${homeserver.version}; log: ${homeserver.logFile ?? '(not ours)'}`);
  console.error('Ctrl-C stops it.');
  const ended = homeserver.exited.then(() => 'ended');
  if ((await Promise.race([ended, interrupted])) === 'ended') {
    console.error('Synapse ended by itself.');
    process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
