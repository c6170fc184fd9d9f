import { accessSync, constants, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { SetupError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import { makeFolder } from '../../core/make-folder.ts';
import { systemCodeOf } from '../../core/system-error.ts';

/** How the file says that `init` has not made the room yet. */
const noRoomYet = /^managementRoom: ''/mu;
/** Stands for the room while it is not known. */
const anyRoom = '!not-made-yet:localhost';

/** What the configuration says so far. */
export interface Draft {
  readonly config: Config;
  /** Whether `init` has still to find the management room. */
  readonly needsRoom: boolean;
}

/**
 * Reads the configuration that exists, finished or not.
 *
 * @returns undefined if there is none
 * @throws SetupError it can't be read or is not valid
 */
export function readDraft(file: string, environment: NodeJS.ProcessEnv): Draft | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') {
      return undefined;
    }
    throw new SetupError(
      `Can’t read ${file} (${systemCodeOf(error)}).`,
      'Check its permissions, or choose another file with --config.',
    );
  }
  const needsRoom = noRoomYet.test(text) && environment['LAWSPEAKER_MANAGEMENT_ROOM'] === undefined;
  return {
    config: loadConfig(
      file,
      needsRoom ? { ...environment, LAWSPEAKER_MANAGEMENT_ROOM: anyRoom } : environment,
    ),
    needsRoom,
  };
}

/**
 * Creates the file's folder if it is missing.
 *
 * @throws SetupError no file can be created there
 */
export function assertWritable(file: string): void {
  const folder = path.dirname(path.resolve(file));
  try {
    makeFolder(folder, 0o700);
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new SetupError(
      `Can’t write to the folder ${folder} (${systemCodeOf(error)}).`,
      'Check its permissions, or choose another file with --config.',
    );
  }
}

/**
 * Writes a new configuration that only its owner can read. The room is filled in by `fillInRoom`.
 *
 * @param example the text of `config/example.yaml`
 * @throws SetupError the file exists or can't be written
 */
export function writeDraft(
  file: string,
  example: string,
  values: {
    readonly url: string;
    readonly adminUrl: string;
    readonly accessToken: string;
  },
): void {
  const { url, adminUrl, accessToken } = values;
  let text = replaced(
    example,
    /^(?:#.*\n)+/u,
    [
      '# Lawspeaker’s configuration, written by `lawspeaker init`. It contains an access token: keep it private.',
      '# Keys that you don’t change show their defaults. You can set each key that holds one value by an',
      '# environment variable instead: homeserver.accessToken is LAWSPEAKER_HOMESERVER_ACCESS_TOKEN, or',
      '# LAWSPEAKER_HOMESERVER_ACCESS_TOKEN_FILE for the path of a file that contains it.',
      '',
    ].join('\n'),
  );
  text = replaced(text, /^ {2}url: .*$/mu, `  url: ${quoted(url)}`);
  if (adminUrl !== url) {
    text = replaced(text, /^ {2}# adminUrl: .*$/mu, `  adminUrl: ${quoted(adminUrl)}`);
  }
  text = replaced(text, /^ {2}accessToken: .*$/mu, `  accessToken: ${quoted(accessToken)}`);
  text = replaced(text, /^managementRoom: .*$/mu, "managementRoom: ''");
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600, flush: true });
  } catch (error) {
    throw new SetupError(
      `Can’t write ${file} (${systemCodeOf(error)}).`,
      'Choose another file with --config. The bot’s account exists now: give its password or token next time, or another --bot-name.',
    );
  }
}

/**
 * Fills the management room into the configuration that `writeDraft` has written. Everything else in the
 * file stays as it is.
 *
 * @throws SetupError the file can't be written
 */
export function fillInRoom(file: string, room: RoomId, isEncrypted: boolean): void {
  const written = `${file}.new`;
  try {
    let text = readFileSync(file, 'utf8');
    text = replaced(text, noRoomYet, `managementRoom: ${quoted(room)}`);
    if (isEncrypted) {
      text = text.replace(
        /^(encryption:\n(?: {2}#.*\n)*) {2}enabled: false$/mu,
        '$1  enabled: true',
      );
    }
    // Never half a configuration: the new file replaces the old one at once.
    writeFileSync(written, text, { mode: 0o600, flush: true });
    renameSync(written, file);
  } catch (error) {
    rmSync(written, { force: true });
    throw new SetupError(
      `Can’t write ${file} (${systemCodeOf(error)}).`,
      `Set managementRoom to ${quoted(room)} in it.`,
    );
  }
}

/** Text in YAML’s single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function replaced(text: string, place: RegExp, replacement: string): string {
  if (!place.test(text)) {
    throw new TypeError(`the configuration contains nothing like ${place.source}`);
  }
  return text.replace(place, () => replacement);
}
