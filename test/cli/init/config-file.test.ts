import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import {
  assertWritable,
  fillInRoom,
  readDraft,
  writeDraft,
} from '../../../src/cli/init/config-file.ts';
import { exampleConfig } from '../../../src/cli/init/example.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { asRoomId } from '../../support/homeserver.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-config-file-'));
  file = path.join(folder, 'lawspeaker.yaml');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const room = asRoomId("!it's:example.com");
const homeserver = {
  url: 'https://matrix.example.com',
  adminUrl: 'http://127.0.0.1:8008',
  accessToken: "syt_'$&_x",
};

it('fills the example in, and leaves all other keys at their defaults', () => {
  writeDraft(file, exampleConfig, homeserver);
  expect(readDraft(file, {})).toMatchObject({ needsRoom: true, config: { homeserver } });
  expect(() => loadConfig(file, {})).toThrow('managementRoom: is empty');
  fillInRoom(file, room, false);
  expect(loadConfig(file, {})).toEqual(configSchema.parse({ homeserver, managementRoom: room }));
  expect(readDraft(file, {})).toMatchObject({ needsRoom: false });
});

it('leaves out the admin URL where it is the same, and turns encryption on for an encrypted room', () => {
  const { url, accessToken } = homeserver;
  writeDraft(file, exampleConfig, { url, adminUrl: url, accessToken });
  fillInRoom(file, room, true);
  expect(loadConfig(file, {})).toEqual(
    configSchema.parse({
      homeserver: { url, accessToken },
      managementRoom: room,
      encryption: { enabled: true },
    }),
  );
});

it('keeps what was changed in between', () => {
  writeDraft(file, exampleConfig, homeserver);
  writeFileSync(file, `${readFileSync(file, 'utf8')}# mine\n`);
  fillInRoom(file, room, false);
  expect(readFileSync(file, 'utf8')).toMatch(/# mine\n$/u);
});

it('never writes over a file', () => {
  writeFileSync(file, 'mine');
  expect(() => writeDraft(file, exampleConfig, homeserver)).toThrow('EEXIST');
  expect(readFileSync(file, 'utf8')).toBe('mine');
});

it('makes folders, and says where none can be made', () => {
  assertWritable(path.join(folder, 'a/b/lawspeaker.yaml'));
  writeFileSync(file, '');
  expect(() => assertWritable(path.join(file, 'lawspeaker.yaml'))).toThrow(
    `Can’t write to the folder ${file}`,
  );
  expect(readDraft(path.join(folder, 'none.yaml'), {})).toBeUndefined();
  expect(() => readDraft(folder, {})).toThrow('Can’t read');
});
