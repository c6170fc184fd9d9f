import { mkdir, mkdtemp, readFile, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { SetupError } from '../../src/core/errors.ts';
import { logConfig, newSynapseConfig } from './config.ts';
import type { SynapseConfig } from './config.ts';

/** Marks the folders that we made, and that we remove when their server stops. */
const TEMPORARY_MARKER = '.made-by-lawspeaker';

/** Linux's file system in memory. Containers often give it only 64 MiB. */
const MEMORY = '/dev/shm';
const WANTED_BYTES = 2 ** 30;

export interface DataFolder {
  readonly path: string;
  readonly configFile: string;
  readonly logFile: string;
  /** Removed when the server stops. */
  readonly temporary: boolean;
  readonly config: SynapseConfig;
  /** The port that the server had when it last ran in this folder. */
  readonly port: number | undefined;
}

/**
 * Opens a server's data folder. A server that already lives there keeps its keys, secret and port.
 *
 * @param given default: a new temporary folder.
 * @param extra top-level keys of Synapse's configuration that replace ours.
 * @throws SetupError if the folder can't be used.
 */
export async function openDataFolder(
  given: string | undefined,
  extra: SynapseConfig,
): Promise<DataFolder> {
  const folder = given === undefined ? await makeTemporaryFolder() : path.resolve(given);
  const configFile = path.join(folder, 'homeserver.json');
  try {
    await mkdir(folder, { recursive: true });
    const earlier = await readJson(configFile);
    await writeFile(path.join(folder, 'log.json'), JSON.stringify(logConfig));
    return {
      path: folder,
      configFile,
      logFile: path.join(folder, 'homeserver.log'),
      temporary: (await readOptional(path.join(folder, TEMPORARY_MARKER))) !== undefined,
      config: { ...(earlier ?? newSynapseConfig(folder)), ...extra },
      port: earlier && Number(new URL(String(earlier['public_baseurl'])).port),
    };
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(`The data folder ${folder} can't be used: ${String(error)}`);
  }
}

/** Only the user may read it: it holds secrets. */
export async function writeConfig(folder: DataFolder, config: SynapseConfig): Promise<void> {
  await writeFile(folder.configFile, JSON.stringify(config, undefined, 2), { mode: 0o600 });
}

/**
 * Makes a data folder that is removed with its server. It is in memory if there is room, as Synapse
 * otherwise waits for the disk; TMPDIR overrides that.
 *
 * @throws SetupError if it can't be made.
 */
export async function makeTemporaryFolder(): Promise<string> {
  const parent =
    process.env['TMPDIR'] === undefined && (await hasRoomInMemory()) ? MEMORY : tmpdir();
  try {
    const folder = await mkdtemp(path.join(parent, 'lawspeaker-synapse-'));
    await writeFile(path.join(folder, TEMPORARY_MARKER), '');
    return folder;
  } catch (error) {
    throw new SetupError(
      `Can't make a folder in ${parent}: ${String(error)}. Set TMPDIR to another.`,
    );
  }
}

async function hasRoomInMemory(): Promise<boolean> {
  return statfs(MEMORY).then(
    ({ bavail, bsize }) => bavail * bsize >= WANTED_BYTES,
    () => false,
  );
}

async function readJson(file: string): Promise<SynapseConfig | undefined> {
  const text = await readOptional(file);
  try {
    return text === undefined ? undefined : (JSON.parse(text) as SynapseConfig);
  } catch {
    throw new SetupError(`${file} is damaged: remove its folder to start with a new server.`);
  }
}

async function readOptional(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
