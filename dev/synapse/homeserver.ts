import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, readFile, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { poll } from '../../src/core/async/poll.ts';
import { SetupError } from '../../src/core/errors.ts';
import { listenerConfig, listeningPort, logConfig, newSynapseConfig } from './config.ts';
import type { SynapseConfig } from './config.ts';
import { guarded } from './guarded-child.ts';
import { installSynapse } from './install.ts';
import type { InstallOptions } from './install.ts';
import { MatrixUser } from './matrix-user.ts';

const urlName = 'LAWSPEAKER_TEST_HOMESERVER_URL';
const secretName = 'LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET';

export interface Homeserver {
  /** Base URL of the client-server API and the admin API, without a slash at the end. */
  readonly url: string;
  readonly serverName: string;
  /** Synapse's `registration_shared_secret`. */
  readonly sharedSecret: string;
  /** Stops the server and removes its data; does nothing to one that others may use. */
  stop(): Promise<void>;
}

/** A Synapse that belongs to its caller alone. */
export interface OwnHomeserver extends Homeserver {
  /** Synapse's database, in SQLite. */
  readonly databaseFile: string;
  /**
   * Starts the server again with the same address, keys and accounts.
   *
   * @param whileStopped may change the database
   * @param config top-level keys of Synapse's configuration that replace earlier ones
   */
  restart(whileStopped: () => void, config?: SynapseConfig): Promise<void>;
}

/**
 * The homeserver for tests, the demo and benchmarks: the one at `LAWSPEAKER_TEST_HOMESERVER_URL` if
 * that is set, with `LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET`, else one of our own.
 *
 * @throws SetupError if Synapse can't be installed, started or reached
 */
export async function startHomeserver(options: InstallOptions = {}): Promise<Homeserver> {
  const { env = process.env } = options;
  const url = env[urlName];
  return url ? useExternal(url, env[secretName]) : startOwnHomeserver({}, options);
}

/**
 * Uses a Synapse that already runs, and never stops it. Registers one account on it, to check the
 * secret and to learn the server's name.
 *
 * @throws SetupError if it can't be reached, isn't Synapse, or the secret is missing or wrong
 */
async function useExternal(
  givenUrl: string,
  sharedSecret: string | undefined,
): Promise<Homeserver> {
  if (!sharedSecret) {
    throw new SetupError(
      `${urlName} is set, but ${secretName} is not: set it to that Synapse's registration_shared_secret.`,
    );
  }
  const url = givenUrl.replace(/\/+$/u, '');
  const localpart = `lawspeaker-${randomBytes(6).toString('hex')}`;
  const { userId } = await MatrixUser.register({ url, sharedSecret }, { localpart }).catch(
    (error: unknown) => {
      throw new SetupError(
        `${urlName}=${givenUrl}: can't register an account there (${String(error)}). Check that a Synapse runs there, that /_synapse/admin can be reached, and that ${secretName} is right.`,
      );
    },
  );
  const serverName = userId.slice(userId.indexOf(':') + 1);
  return { url, serverName, sharedSecret, stop: async () => undefined };
}

/**
 * Starts a throwaway Synapse on a free loopback port, installs it first if necessary, and returns
 * when it listens. It can't outlive this process, however this process ends.
 *
 * @param config top-level keys of Synapse's configuration that replace ours
 * @throws SetupError if Synapse can't be installed or started
 */
export async function startOwnHomeserver(
  config: SynapseConfig = {},
  options: InstallOptions = {},
): Promise<OwnHomeserver> {
  const python = await installSynapse(options);
  const folder = await makeDataFolder();
  const settings = { ...newSynapseConfig(folder), ...config };
  let synapse = await runSynapse(python, folder, settings, 0).catch(async (error: unknown) => {
    await removeFolder(folder);
    throw error;
  });
  const { port } = synapse;
  return {
    url: `http://127.0.0.1:${port}`,
    serverName: settings.server_name,
    sharedSecret: settings.registration_shared_secret,
    databaseFile: settings.database.args.database,
    async restart(whileStopped, changes = {}) {
      await end(synapse.child, 'SIGTERM');
      whileStopped();
      Object.assign(settings, changes);
      synapse = await runSynapse(python, folder, settings, port);
    },
    async stop() {
      // Data that is thrown away needs no orderly shutdown.
      await end(synapse.child, 'SIGKILL');
      await removeFolder(folder);
    },
  };
}

/** It is in memory if there is room, as Synapse otherwise waits for the disk; TMPDIR overrides that. */
async function makeDataFolder(): Promise<string> {
  const memory = '/dev/shm';
  // Containers often give it only 64 MiB.
  const hasRoom = await statfs(memory).then(
    ({ bavail, bsize }) => bavail * bsize >= 2 ** 30,
    () => false,
  );
  const parent = hasRoom && process.env['TMPDIR'] === undefined ? memory : tmpdir();
  try {
    await removeAbandoned(parent);
    return await mkdtemp(path.join(parent, `lawspeaker-synapse-${process.pid}-`));
  } catch (error) {
    throw new SetupError(
      `Can't make a folder in ${parent}: ${String(error)}. Set TMPDIR to another.`,
    );
  }
}

/** Removes the data of runs that were killed together with their Synapse. */
async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const owner = /^lawspeaker-synapse-(?<pid>\d+)-/u.exec(name)?.groups?.['pid'];
    if (owner !== undefined && !isAlive(Number(owner))) {
      // Another user's can't be removed.
      await removeFolder(path.join(parent, name)).catch(() => undefined);
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/**
 * Runs Synapse and waits until it listens.
 *
 * @param port 0: any free one
 */
async function runSynapse(
  python: string,
  folder: string,
  config: SynapseConfig,
  port: number,
): Promise<{ child: ChildProcess; port: number }> {
  const configFile = path.join(folder, 'homeserver.json');
  const logFile = path.join(folder, 'homeserver.log');
  await writeFile(path.join(folder, 'log.json'), JSON.stringify(logConfig));
  await writeFile(configFile, JSON.stringify({ ...config, ...listenerConfig(port) }));
  await using log = await open(logFile, 'w');
  // SYNAPSE_* variables change how Synapse runs.
  const env = Object.entries(process.env).filter(([name]) => !name.startsWith('SYNAPSE_'));
  const child = spawn(python, guarded('synapse.app.homeserver', ['-c', configFile], folder), {
    stdio: ['pipe', log.fd, log.fd],
    env: Object.fromEntries(env),
    cwd: folder,
  });
  await once(child, 'spawn');
  const started = await poll(
    async () =>
      listeningPort(await readFile(logFile, 'utf8')) ?? (isRunning(child) ? undefined : 0),
    { firstIntervalMs: 40, maxIntervalMs: 40, limitMs: 60_000 },
  );
  if (started) {
    return { child, port: started };
  }
  await end(child, 'SIGKILL');
  const reason = started === 0 ? exitReason(await readFile(logFile, 'utf8')) : 'no answer in 60 s';
  throw new SetupError(`Synapse did not start: ${reason}.`);
}

/** The part of Synapse's log that best tells why it exited. */
function exitReason(log: string): string {
  const lines = log.split('\n').filter((line) => /[a-z]/iu.test(line));
  // If no line names an error, the last one.
  const error = lines.findLastIndex((line) => /(?:Error|Exception)\b/u.test(line));
  const reason = lines.slice(error).map((line) => line.trim());
  return reason.join(' ').slice(0, 300).replace(/\.$/u, '') || 'it exited without a message';
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Returns when the child has exited. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (isRunning(child)) {
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
}
