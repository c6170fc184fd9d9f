import { statSync } from 'node:fs';
import path from 'node:path';

import { isOpenToOthers } from '../core/open-files.ts';
import type { OpenPlace } from '../core/open-files.ts';
import { secretFilesOf } from './load.ts';
import type { Config } from './schema.ts';

/** Reading, writing, and entering the folders on the way. */
const usableByOthers = 0o007;

/**
 * The files with secrets of this configuration that every user of this machine can read or write. A group may
 * read them: that is how an operator gives a file to the bot without giving it away.
 */
export function openSecretFiles(config: Config): OpenPlace[] {
  return secretFilesOf(config).flatMap(({ file: name, keys }) => {
    const file = path.resolve(name);
    if (!isOpenToOthers(file, usableByOthers)) {
      return [];
    }
    // With 600, a bot that is not the owner could no longer read it.
    const mode = statSync(file).uid === process.geteuid?.() ? '600' : 'o-rwx';
    return [
      {
        message: `Other users of this machine can read ${file}, which contains ${[...new Set(keys.map(nameOf))].join(' and ')}.`,
        advice: `Run: chmod ${mode} ${file}`,
      },
    ];
  });
}

const names = new Map([
  ['homeserver.accessToken', 'the access token'],
  ['mas.clientSecret', 'the client secret for the Matrix Authentication Service'],
  ['mas.accessToken', 'the access token for the Matrix Authentication Service'],
]);

/** Those of several homeservers are called the same. */
const nameOf = (key: string) =>
  names.get(key.replace(/^homeservers\.\d+\./u, key.includes('.mas.') ? '' : 'homeserver.')) ?? key;
