import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { logConfig, newSynapseConfig, textSetting } from './config.ts';
import type { SynapseConfig } from './config.ts';
import { SetupError, systemCode } from './setup-error.ts';

/** In folders that we made ourselves, and so remove when the server stops. */
const MADE_BY_US = '.made-by-lawspeaker';

export interface DataFolder {
  path: string;
  configFile: string;
  logFile: string;
  /** What Synapse prints before its logging is set up, and when it breaks. */
  outputFile: string;
  /** Removed when the server stops. */
  temporary: boolean;
  config: SynapseConfig;
  /** The port of the server's earlier life in this folder. */
  port: number | undefined;
}

/**
 * Opens a server's data folder: the one given, which keeps its server name, keys, secret and port
 * if there was a server in it, or a new temporary one.
 *
 * @param extra top-level keys of Synapse's configuration that replace ours.
 * @throws SetupError when it can't be made or read.
 */
export async function openDataFolder(
  given: string | undefined,
  serverName: string | undefined,
  extra: SynapseConfig,
): Promise<DataFolder> {
  const path = given === undefined ? await makeTemporaryFolder() : resolve(given);
  try {
    await mkdir(path, { recursive: true });
    const configFile = join(path, 'homeserver.json');
    const logFile = join(path, 'homeserver.log');
    const earlier = await readConfig(configFile);
    const name = earlier && textSetting(earlier, 'server_name');
    if (name !== undefined && serverName !== undefined && name !== serverName) {
      throw new SetupError(`${path} belongs to the server ${name}, not ${serverName}.`);
    }
    const config = { ...(earlier ?? newSynapseConfig(path, serverName ?? 'localhost')), ...extra };
    await writeFile(join(path, 'log.json'), JSON.stringify(logConfig(logFile)));
    return {
      path,
      configFile,
      logFile,
      outputFile: join(path, 'homeserver.out'),
      temporary: await exists(join(path, MADE_BY_US)),
      config,
      port: earlier && portOf(earlier),
    };
  } catch (error) {
    const code = systemCode(error);
    if (error instanceof SetupError || code === undefined) throw error;
    throw new SetupError(`The data folder ${path} can't be used (${code}).`, { cause: error });
  }
}

/** Secrets are in it, so it's for the user's eyes only. */
export async function writeConfig(folder: DataFolder, config: SynapseConfig): Promise<void> {
  const text = `${JSON.stringify(config, undefined, 2)}\n`;
  await writeFile(folder.configFile, text, { mode: 0o600 });
}

/** Makes a data folder that is removed with its server. @throws SetupError */
export async function makeTemporaryFolder(): Promise<string> {
  const parent = (await hasRoomInMemory()) ? MEMORY : tmpdir();
  try {
    const path = await mkdtemp(join(parent, 'lawspeaker-synapse-'));
    await writeFile(join(path, MADE_BY_US), '');
    return path;
  } catch (error) {
    throw new SetupError(
      `No folder can be made in ${parent} (${systemCode(error) ?? String(error)}). Set TMPDIR ` +
        'to a folder that can be written.',
      { cause: error },
    );
  }
}

/** Linux's file system in memory. */
const MEMORY = '/dev/shm';

/** In containers it has but 64 MiB, and some have none. */
const ROOM_WANTED_BYTES = 2 ** 30;

/**
 * Whether a temporary server goes into memory, which saves it the waiting for a disk that is to keep
 * everything. Whoever names a folder gets that.
 */
async function hasRoomInMemory(): Promise<boolean> {
  if (process.env['TMPDIR'] !== undefined) return false;
  try {
    await access(MEMORY, constants.W_OK);
    const { bavail, bsize } = await statfs(MEMORY);
    return bavail * bsize >= ROOM_WANTED_BYTES;
  } catch {
    return false;
  }
}

async function readConfig(file: string): Promise<SynapseConfig | undefined> {
  try {
    // Written by us, in a folder that the caller names.
    return JSON.parse(await readFile(file, 'utf8')) as SynapseConfig;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    if (!(error instanceof SyntaxError)) throw error;
    throw new SetupError(`${file} is damaged: remove its folder to start with a new server.`, {
      cause: error,
    });
  }
}

function portOf(config: SynapseConfig): number | undefined {
  const url = textSetting(config, 'public_baseurl');
  return url === '' ? undefined : Number(new URL(url).port);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
