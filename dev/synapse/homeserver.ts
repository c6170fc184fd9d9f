import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { SetupError } from '../../src/core/errors.ts';
import { instanceOf, listenerConfig } from './config.ts';
import type { SynapseConfig } from './config.ts';
import { openDataFolder, writeConfig } from './data-folder.ts';
import type { DataFolder } from './data-folder.ts';
import { useExternal } from './external-homeserver.ts';
import { endChild, isRunning, spawnGuarded } from './guarded-child.ts';
import { SYNAPSE_VERSION, installSynapse } from './install.ts';
import type { InstallOptions } from './install.ts';

const START_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 5_000;
const POLL_INTERVAL_MS = 40;
const MAX_ATTEMPTS = 4;

/** A running Synapse. An external one, which others may use, ignores `stop()` and `kill()`. */
export interface Homeserver extends AsyncDisposable {
  /** Base URL of the client-server API and the admin API, without a slash at the end. */
  readonly url: string;
  readonly serverName: string;
  /** Synapse's `registration_shared_secret`. */
  readonly sharedSecret: string;
  readonly version: string;
  /** Not set for an external server. */
  readonly logFile?: string;
  /** Resolves when the server has exited, for whatever reason; never for an external one. */
  readonly exited: Promise<void>;
  /** Stops the server and removes its data folder if it is temporary. Can be called again. */
  stop(options?: { keepData?: boolean }): Promise<void>;
  /** Ends the server as a crash does (SIGKILL) and keeps its data. */
  kill(): Promise<void>;
}

export interface StartOptions extends InstallOptions {
  /**
   * Where the server keeps its data. A server that already lives there starts again with the same
   * accounts, keys, secret, port and configuration. Default: a new temporary folder.
   */
  readonly dataDir?: string | undefined;
  /** Top-level keys of Synapse's configuration that replace ours; kept in `dataDir`. */
  readonly config?: SynapseConfig | undefined;
}

/**
 * Starts a throwaway Synapse on a free loopback port, installs it first if necessary, and returns
 * when it answers. It can't outlive this process, however this process ends.
 *
 * If `LAWSPEAKER_TEST_HOMESERVER_URL` is set and `dataDir` isn't, uses the server at that URL
 * instead, with `LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET`; `config` then has no effect.
 *
 * @throws SetupError if Synapse can't be installed, started or reached.
 */
export async function startHomeserver(options: StartOptions = {}): Promise<Homeserver> {
  const { onProgress, env = process.env, dataDir, config = {} } = options;
  const externalUrl = env['LAWSPEAKER_TEST_HOMESERVER_URL'];
  if (externalUrl && dataDir === undefined) {
    return useExternal(externalUrl, env['LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET']);
  }
  const python = await installSynapse({ onProgress, env });
  const folder = await openDataFolder(dataDir, config);
  try {
    return await start(python, folder);
  } catch (error) {
    if (folder.temporary && folder.port === undefined) await removeFolder(folder);
    throw error;
  }
}

/** Tries again if another program has taken the port. */
async function start(python: string, folder: DataFolder): Promise<Homeserver> {
  for (let attempt = 1; ; attempt++) {
    // A server that starts again must be where its users left it.
    const port = folder.port ?? (await listenBriefly(0));
    // Checked first, because it takes Synapse seconds to fail.
    const started = (await isFree(port))
      ? await startOnPort(python, folder, port)
      : `port ${port} is in use`;
    if (typeof started !== 'string') return toHomeserver(started, folder, port);
    if (attempt === MAX_ATTEMPTS || (await isFree(port))) {
      const hint = folder.temporary ? '' : ` Its log: ${folder.logFile}.`;
      throw new SetupError(`Synapse did not start: ${started}.${hint}`);
    }
    await delay(attempt * 200);
  }
}

/** @returns the running Synapse, or why it exited. */
async function startOnPort(
  python: string,
  folder: DataFolder,
  port: number,
): Promise<ChildProcess | string> {
  const instance = randomUUID();
  await writeConfig(folder, { ...folder.config, ...listenerConfig(port, instance) });
  const child = await spawnSynapse(python, folder);
  try {
    const deadlineMs = Date.now() + START_TIMEOUT_MS;
    while (isRunning(child)) {
      if (await isReady(port, instance)) return child;
      if (Date.now() > deadlineMs) {
        throw new SetupError(`Synapse did not answer within ${START_TIMEOUT_MS / 1000} s.`);
      }
      await delay(POLL_INTERVAL_MS);
    }
    return await exitReason(folder);
  } catch (error) {
    await endChild(child, 0);
    throw error;
  }
}

async function spawnSynapse(python: string, folder: DataFolder): Promise<ChildProcess> {
  // SYNAPSE_* variables change how Synapse runs.
  const env = Object.entries(process.env).filter(([name]) => !name.startsWith('SYNAPSE_'));
  await using output = await open(folder.logFile, 'a');
  const child = spawnGuarded({
    python,
    module: 'synapse.app.homeserver',
    args: ['-c', folder.configFile],
    output: output.fd,
    env: Object.fromEntries(env),
    cwd: folder.path,
    removeWhenOrphaned: folder.temporary ? folder.path : undefined,
  });
  await once(child, 'spawn');
  return child;
}

/** Whether our own server answers: another Synapse may have taken the port. */
async function isReady(port: number, instance: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(2_000);
    const health = await fetch(`http://127.0.0.1:${port}/health`, { signal });
    await health.body?.cancel();
    if (!health.ok) return false;
    const wellKnown = await fetch(`http://127.0.0.1:${port}/.well-known/matrix/client`, { signal });
    return instanceOf(await wellKnown.json()) === instance;
  } catch {
    return false;
  }
}

function toHomeserver(child: ChildProcess, folder: DataFolder, port: number): Homeserver {
  const stop: Homeserver['stop'] = async ({ keepData = false } = {}) => {
    const removes = folder.temporary && !keepData;
    // Data that is thrown away needs no orderly shutdown.
    await endChild(child, removes ? 0 : STOP_GRACE_MS);
    if (removes) await removeFolder(folder);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    serverName: 'localhost',
    sharedSecret: String(folder.config['registration_shared_secret']),
    version: SYNAPSE_VERSION,
    logFile: folder.logFile,
    exited: isRunning(child) ? once(child, 'exit').then(() => undefined) : Promise.resolve(),
    stop,
    kill: () => endChild(child, 0),
    [Symbol.asyncDispose]: () => stop(),
  };
}

/** The part of Synapse's log that best tells why it exited. */
async function exitReason(folder: DataFolder): Promise<string> {
  const log = await readFile(folder.logFile, 'utf8');
  const lines = log.split('\n').filter((line) => /[a-z]/iu.test(line));
  const configError = lines.findLastIndex((line) => /^\s*Error in configuration/u.test(line));
  const reason =
    configError >= 0
      ? lines.slice(configError, configError + 3).join(' ')
      : (lines.findLast((line) => /(?:Error|Exception)\b/u.test(line)) ?? lines.at(-1));
  return (reason ?? 'it exited without a message').trim().slice(0, 300).replace(/\.$/u, '');
}

async function removeFolder(folder: DataFolder): Promise<void> {
  await rm(folder.path, { recursive: true, force: true, maxRetries: 5 });
}

async function isFree(port: number): Promise<boolean> {
  return listenBriefly(port).then(Boolean, () => false);
}

/** Listens on `port` (0: on any free one), closes it again and returns it. */
async function listenBriefly(port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: found } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return found;
}
