import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { loadConfig } from '../../src/config/load.ts';
import { openSecretFiles } from '../../src/config/open-files.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-open-files-'));
  chmodSync(folder, 0o755);
  file = path.join(folder, 'lawspeaker.yaml');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const server = (more: string) =>
  `homeserver: { url: 'http://127.0.0.1:8008'${more} }\nmanagementRoom: '!room:localhost'\n`;
const token = ", accessToken: 'syt_secret'";

function openFiles(text: string, mode: number, environment: NodeJS.ProcessEnv = {}) {
  writeFileSync(file, text);
  chmodSync(file, mode);
  return openSecretFiles(loadConfig(file, environment));
}

test('a configuration with the token that everybody can read', () => {
  expect(openFiles(server(token), 0o644)).toEqual([
    {
      message: `Other users of this machine can read ${file}, which contains the access token.`,
      advice: `Run: chmod 600 ${file}`,
    },
  ]);
  expect(openFiles(server(token), 0o600)).toEqual([]);
  // A group may: that is how the file of another owner is given to the bot.
  expect(openFiles(server(token), 0o640)).toEqual([]);
  chmodSync(folder, 0o700);
  expect(openFiles(server(token), 0o644)).toEqual([]);
});

test('a file that the environment names', () => {
  const secret = path.join(folder, 'token');
  writeFileSync(secret, 'syt_secret', { mode: 0o644 });
  const environment = { LAWSPEAKER_HOMESERVER_ACCESS_TOKEN_FILE: secret };
  expect(openFiles(server(''), 0o644, environment)).toMatchObject([
    { advice: `Run: chmod 600 ${secret}` },
  ]);
  chmodSync(secret, 0o400);
  expect(openFiles(server(''), 0o644, environment)).toEqual([]);
});

test('a file with a secret for the Matrix Authentication Service is said to contain that', () => {
  const mas = "mas: { url: 'http://127.0.0.1:8081', clientId: 'x', clientSecret: 'secret' }\n";
  expect(openFiles(server(token) + mas, 0o644)).toMatchObject([
    {
      message: expect.stringContaining(
        'which contains the access token and the client secret for the Matrix Authentication Service.',
      ),
    },
  ]);
  const secret = path.join(folder, 'secret');
  writeFileSync(secret, 'secret', { mode: 0o644 });
  const withoutSecret = "mas: { url: 'http://127.0.0.1:8081', clientId: 'x' }\n";
  expect(
    openFiles(server(token) + withoutSecret, 0o600, {
      LAWSPEAKER_MAS_CLIENT_SECRET_FILE: secret,
    }),
  ).toMatchObject([
    {
      message: `Other users of this machine can read ${secret}, which contains the client secret for the Matrix Authentication Service.`,
    },
  ]);
});
