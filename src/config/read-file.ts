import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

import { SetupError } from '../core/errors.ts';
import { systemCodeOf } from '../core/system-error.ts';

/** Where a configuration usually is. */
const usualNames = ['lawspeaker.yaml', 'lawspeaker.yml', 'config.yaml'];
const usualFolders = ['.', 'config', '/etc/lawspeaker'];

/**
 * The text of a configuration file.
 *
 * @throws SetupError it can't be read; never with the advice to write over one that exists
 */
export function readConfigFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw cannotRead(file, systemCodeOf(error));
  }
}

function cannotRead(file: string, code: string): SetupError {
  const place = path.resolve(file);
  switch (code) {
    case 'ENOENT': {
      const other = findOther(path.dirname(place), place);
      return new SetupError(
        `Can’t read the configuration ${place}: it does not exist.`,
        other === undefined
          ? 'Run lawspeaker init, which writes one. If you have one elsewhere, name it with --config FILE.'
          : `There is one at ${other}. To use it: --config ${other}`,
      );
    }
    case 'EACCES':
      return new SetupError(
        `Can’t read the configuration ${place}: permission denied.`,
        whoMayRead(place),
      );
    case 'EISDIR': {
      const other = findOther(place, place);
      return new SetupError(
        `Can’t read the configuration ${place}: it is a folder.`,
        other === undefined
          ? 'Name the file with --config FILE. If a container mounts it: Docker makes an empty folder if the file is missing.'
          : `There is one at ${other}. To use it: --config ${other}`,
      );
    }
    default:
      return new SetupError(
        `Can’t read the configuration ${place} (${code}).`,
        'Check the path and the disk, or choose another file with --config FILE.',
      );
  }
}

/** A configuration in this folder, or where one usually is, that is not the one that can't be read. */
function findOther(near: string, place: string): string | undefined {
  return [near, ...usualFolders]
    .flatMap((folder) => usualNames.map((name) => path.resolve(folder, name)))
    .find((candidate) => candidate !== place && existsSync(candidate));
}

function whoMayRead(place: string): string {
  const user = process.geteuid?.() ?? 'USER';
  const closed = foldersAbove(place).find((folder) => !isEnterable(folder));
  if (closed !== undefined) {
    return `The bot runs as user ${user}, which can’t enter the folder ${closed}. Move the configuration to a folder of that user, or give the user this one.`;
  }
  return statSync(place).uid === user
    ? `Run: chmod 600 ${place}`
    : `The bot runs as user ${user}. Run: chown ${user} ${place} && chmod 600 ${place}`;
}

/** The nearest last. */
function foldersAbove(place: string): string[] {
  const folder = path.dirname(place);
  return folder === place ? [] : [...foldersAbove(folder), folder];
}

function isEnterable(folder: string): boolean {
  try {
    statSync(`${folder}/.`);
    return true;
  } catch {
    return false;
  }
}
