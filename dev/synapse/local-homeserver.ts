import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { instanceOf, listenerConfig, textSetting } from './config.ts';
import { openDataFolder, writeConfig } from './data-folder.ts';
import type { DataFolder } from './data-folder.ts';
import { endChild, isRunning, spawnGuarded } from './guarded-child.ts';
import type { Homeserver, StartOptions, StopOptions } from './homeserver.ts';
import { installSynapse } from './install.ts';
import type { InstalledSynapse } from './install.ts';
import { SetupError } from './setup-error.ts';

const START_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 5_000;
const POLL_INTERVAL_MS = 40;
const ATTEMPTS = 4;

/** Starts a Synapse of our own; see `startHomeserver`. */
export async function startLocal(options: StartOptions): Promise<Homeserver> {
  const { onProgress, env } = options;
  const installed = await installSynapse({ onProgress, env });
  const folder = await openDataFolder(options.dataDir, options.serverName, options.config ?? {});
  try {
    for (let attempt = 1; ; attempt++) {
      // A server that is started again must be where its users left it.
      const port = folder.port ?? (await freePort());
      // Asked before, as a start in vain takes seconds, and after, as the port may just have gone.
      const started: Started = (await isFree(port))
        ? await startOnce(installed, folder, port)
        : { outcome: 'ended', why: `port ${port} is in use` };
      if (started.outcome === 'running') {
        return localHomeserver(started.child, folder, port, installed.version);
      }
      if (attempt === ATTEMPTS || (await isFree(port))) {
        const { why } = started;
        const hint = folder.temporary ? '' : ` Its log: ${folder.logFile}.`;
        throw new SetupError(`Synapse did not start: ${why}.${hint}`);
      }
      await delay(attempt * 200);
    }
  } catch (error) {
    if (folder.temporary && folder.port === undefined) await removeFolder(folder.path);
    throw error;
  }
}

type Started = { outcome: 'running'; child: ChildProcess } | { outcome: 'ended'; why: string };

async function startOnce(
  installed: InstalledSynapse,
  folder: DataFolder,
  port: number,
): Promise<Started> {
  const instance = randomUUID();
  await writeConfig(folder, { ...folder.config, ...listenerConfig(port, instance) });
  const child = await spawnSynapse(installed, folder);
  try {
    const deadlineMs = Date.now() + START_TIMEOUT_MS;
    while (isRunning(child)) {
      if (await isReady(port, instance)) return { outcome: 'running', child };
      if (Date.now() > deadlineMs) {
        throw new SetupError(`Synapse did not answer within ${START_TIMEOUT_MS / 1000} s.`);
      }
      await delay(POLL_INTERVAL_MS);
    }
    return { outcome: 'ended', why: await lastWords(folder) };
  } catch (error) {
    await endChild(child, 0);
    throw error;
  }
}

async function spawnSynapse(
  installed: InstalledSynapse,
  folder: DataFolder,
): Promise<ChildProcess> {
  // SYNAPSE_* variables change how Synapse runs.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SYNAPSE_'));
  const output = await open(folder.outputFile, 'w');
  try {
    const child = spawnGuarded({
      python: installed.python,
      module: 'synapse.app.homeserver',
      args: ['-c', folder.configFile],
      output: output.fd,
      env: Object.fromEntries(inherited),
      cwd: folder.path,
      ...(folder.temporary ? { removeWhenOrphaned: folder.path } : {}),
    });
    await once(child, 'spawn');
    return child;
  } finally {
    await output.close();
  }
}

/**
 * Whether our own server answers: `/health`, then the instance in the well-known document, as
 * somebody else's Synapse may have taken the port that we chose.
 */
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

function localHomeserver(
  child: ChildProcess,
  folder: DataFolder,
  port: number,
  version: string,
): Homeserver {
  const exited = isRunning(child) ? once(child, 'exit').then(() => undefined) : Promise.resolve();
  const stop = async ({ keepData = false }: StopOptions = {}): Promise<void> => {
    const removes = folder.temporary && !keepData;
    // What is thrown away need not be put in order first.
    await endChild(child, removes ? 0 : STOP_GRACE_MS);
    if (removes) await removeFolder(folder.path);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    serverName: textSetting(folder.config, 'server_name'),
    sharedSecret: textSetting(folder.config, 'registration_shared_secret'),
    version,
    external: false,
    dataDir: folder.path,
    logFile: folder.logFile,
    exited,
    stop,
    kill: () => endChild(child, 0),
    [Symbol.asyncDispose]: () => stop(),
  };
}

/** The line that tells best why Synapse ended: its own words are all there is to go by. */
async function lastWords(folder: DataFolder): Promise<string> {
  const output = await readFile(folder.outputFile, 'utf8').catch(() => '');
  const log = await readFile(folder.logFile, 'utf8').catch(() => '');
  const lines = `${log}\n${output}`.split('\n').filter((line) => /[a-z]/i.test(line));
  const configError = lines.findLastIndex((line) => /^\s*Error in configuration/.test(line));
  const exception = lines.findLast((line) => /\b\w*(?:Error|Exception)\b/.test(line));
  const words =
    configError === -1
      ? (exception ?? lines.at(-1) ?? 'it ended without a word')
      : lines.slice(configError, configError + 3).join(' ');
  return words.trim().slice(0, 300).replace(/\.$/, '');
}

async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('No port was given');
  return address.port;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
