import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { keyOf } from '../../src/config/homeservers.ts';
import { loadConfig } from '../../src/config/load.ts';
import { openSecretFiles } from '../../src/config/open-files.ts';
import type { Config } from '../../src/config/schema.ts';
import { SetupError } from '../../src/core/errors.ts';

const two = `
homeservers:
  - serverName: example.com
    url: https://matrix.example.com/
    accessToken: syt_first
  - serverName: two.example:8448
    name: Work
    url: https://two.example
    adminUrl: http://127.0.0.1:8009
    accessToken: syt_second
    requestTimeout: 10s
    mas:
      url: http://127.0.0.1:8081
managementRoom: '!room:example.com'
`;

const single = `
homeserver:
  url: https://matrix.example.com
  accessToken: syt_secret
managementRoom: '!room:example.com'
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(text: string, environment: NodeJS.ProcessEnv = {}): Config {
  const file = path.join(folder, 'lawspeaker.yaml');
  writeFileSync(file, text, { mode: 0o600 });
  return loadConfig(file, environment);
}

function faultsOf(text: string, environment: NodeJS.ProcessEnv = {}): string[] {
  try {
    load(text, environment);
  } catch (error) {
    if (error instanceof SetupError) {
      return error.message.split('\n').slice(1);
    }
    throw error;
  }
  return [];
}

test('the first of several is where the management room is', () => {
  const config = load(two);
  expect(config.homeserver).toEqual({
    name: 'example.com',
    serverName: 'example.com',
    url: 'https://matrix.example.com',
    accessToken: 'syt_first',
    requestTimeout: '30s',
  });
  expect(config.mas).toBeUndefined();
  expect(config.otherHomeservers).toEqual([
    {
      homeserver: {
        name: 'Work',
        serverName: 'two.example:8448',
        url: 'https://two.example',
        adminUrl: 'http://127.0.0.1:8009',
        accessToken: 'syt_second',
        requestTimeout: '10s',
      },
      mas: { url: 'http://127.0.0.1:8081' },
    },
  ]);
  expect(Object.isFrozen(config.otherHomeservers)).toBe(true);
});

test('the short form has no others, and says nothing about names', () => {
  const config = load(single);
  expect(config.otherHomeservers).toEqual([]);
  expect(keyOf(config.homeserver, 'url')).toBe('homeserver.url');
  expect(keyOf(config.homeserver, 'mas.url')).toBe('mas.url');
  const { homeserver } = load(two).otherHomeservers[0] ?? { homeserver: config.homeserver };
  expect(keyOf(homeserver, 'url')).toBe('homeservers.Work.url');
  expect(keyOf(homeserver, 'mas.url')).toBe('homeservers.Work.mas.url');
});

test('secrets come from the environment, by the name of the entry', () => {
  const file = path.join(folder, 'token');
  writeFileSync(file, 'syt_from_file\n', { mode: 0o644 });
  chmodSync(folder, 0o755);
  const without = two.replaceAll(/ +accessToken: .*\n/gu, '');
  const environment = {
    LAWSPEAKER_HOMESERVERS_EXAMPLE_COM_ACCESS_TOKEN: 'syt_given',
    LAWSPEAKER_HOMESERVERS_WORK_ACCESS_TOKEN_FILE: file,
    LAWSPEAKER_HOMESERVERS_WORK_MAS_ACCESS_TOKEN: 'mpt_given',
  };
  const config = load(without, environment);
  expect(config.homeserver.accessToken).toBe('syt_given');
  expect(config.otherHomeservers[0]).toMatchObject({
    homeserver: { accessToken: 'syt_from_file' },
    mas: { accessToken: 'mpt_given' },
  });
  expect(openSecretFiles(config).map(({ message }) => message)).toEqual([
    `Other users of this machine can read ${file}, which contains the access token.`,
  ]);
  expect(faultsOf(without)).toEqual([
    '  homeservers.0.accessToken: is missing (or set LAWSPEAKER_HOMESERVERS_EXAMPLE_COM_ACCESS_TOKEN) (line 3)',
    '  homeservers.1.accessToken: is missing (or set LAWSPEAKER_HOMESERVERS_WORK_ACCESS_TOKEN) (line 5)',
  ]);
  expect(faultsOf(two, { LAWSPEAKER_HOMESERVERS_WORK_URL: 'x' })).toEqual([
    expect.stringContaining('LAWSPEAKER_HOMESERVERS_WORK_URL: unknown environment variable'),
  ]);
  expect(
    faultsOf(two, {
      LAWSPEAKER_HOMESERVERS_WORK_ACCESS_TOKEN: 'x',
      LAWSPEAKER_HOMESERVERS_WORK_ACCESS_TOKEN_FILE: file,
    }),
  ).toEqual([expect.stringContaining('unset one of the two')]);
});

test.each([
  ['both forms', `${two}homeserver: {url: 'https://x', accessToken: t}\n`],
  ['mas beside the list', `${two}mas: {url: 'https://x'}\n`],
])('%s', (_, text) => {
  expect(faultsOf(text)).toEqual([
    '  homeservers: set either this, or homeserver and mas (line 2)',
  ]);
});

test('both forms, one of them by the environment', () => {
  expect(faultsOf(two, { LAWSPEAKER_HOMESERVER_URL: 'http://synapse:8008' })).toEqual([
    '  LAWSPEAKER_HOMESERVER_URL: can’t be used with the list homeservers: unset it, and set the key of the entry',
  ]);
  expect(faultsOf(two, { LAWSPEAKER_MAS_URL: 'http://mas:8081' })).toEqual([
    expect.stringContaining('LAWSPEAKER_MAS_URL: can’t be used with the list homeservers'),
  ]);
});

const entry = (keys: string) =>
  `homeservers:\n  - serverName: example.com\n    url: https://x\n    accessToken: t\n  - url: https://y\n    accessToken: t\n${keys}managementRoom: '!room:example.com'\n`;

test.each([
  ['', 'homeservers.1.serverName: is missing'],
  ['    serverName: example.com\n', 'homeservers.1.serverName: example.com is there twice'],
  ['    serverName: https://two\n', 'homeservers.1.serverName: must be the part of user IDs'],
  ['    serverName: two\n    name: two words\n', 'homeservers.1.name: must be a short word'],
  ['    serverName: two\n    name: example.com\n', 'homeservers.1.name: is too much like that'],
  ['    serverName: two\n    name: Example_Com\n', 'homeservers.1.name: is too much like that'],
  ['    serverName: example-com\n', 'homeservers.1.serverName: is too much like that'],
  ['    serverName: two\n    servername: x\n', 'unknown key (did you mean serverName?)'],
  [
    '    serverName: two\n    mas: {url: "https://m", clientId: x}\n',
    'homeservers.1.mas.clientId: needs clientSecret as well (line',
  ],
  ['    serverName: two\n    requestTimeout: 5\n', 'homeservers.1.requestTimeout: '],
])('an entry with %j', (keys, fault) => {
  expect(faultsOf(entry(keys))).toEqual([expect.stringContaining(fault)]);
});

test('an empty list', () => {
  expect(faultsOf("homeservers: []\nmanagementRoom: '!room:example.com'\n")).toEqual([
    expect.stringContaining('homeservers: must have at least one entry'),
  ]);
});
