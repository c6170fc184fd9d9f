import { readFile, readdir } from 'node:fs/promises';

import { describe, expect, it, test } from 'vitest';

import { loadCommands } from '../../src/chat/command/load-commands.ts';
import { adminEndpoints } from './admin-endpoints.ts';

const commands = await loadCommands();
const declared = new Map(commands.map(({ name, endpoints = [] }) => [name, endpoints]));
const tests = new URL('..', import.meta.url);
/** The tests on a real server. */
const testTexts = await Promise.all(
  (await readdir(tests, { recursive: true }))
    .filter((file) => file.endsWith('.integration.test.ts'))
    .map(async (file) => readFile(new URL(file, tests), 'utf8')),
);

const all = Object.entries(adminEndpoints);
const used = all.flatMap(([endpoint, { commands: names }]) =>
  names === undefined ? [] : [[endpoint, names] as const],
);
const unused = all.flatMap(([endpoint, { none }]) =>
  none === undefined ? [] : [[endpoint, none] as const],
);

describe.each(used)('%s', (endpoint, names) => {
  it('is called by the commands that are made for it', () => {
    expect(names).not.toEqual([]);
    expect(names.filter((name) => declared.get(name)?.includes(endpoint) !== true)).toEqual([]);
  });

  it('is named by a test on the real server, or all its commands are typed there', () => {
    const [method = '', path = ''] = endpoint.split(' ');
    const named = new RegExp(
      String.raw`['"\x60 ]${method}(?:[A-Z, ]|and)* ${path.replaceAll(/[{}/]/gu, String.raw`\$&`)}(?![/\w{])`,
      'u',
    );
    const isTyped = (name: string) =>
      testTexts.some((text) => new RegExp(String.raw`!${name}(?![\w-])`, 'u').test(text));
    expect(testTexts.some((text) => named.test(text)) || names.every(isTyped)).toBe(true);
  });
});

test.each(unused)('%s has no command: %s', (endpoint, why) => {
  const names = commands
    .filter(({ endpoints }) => endpoints?.includes(endpoint))
    .map(({ name }) => name);
  expect(names, 'there is a command now: name it in test/contract/admin-endpoints.ts').toEqual([]);
  expect(why).toMatch(/^\S.{20,}[^.]$/u);
});

test('commands call no endpoint of the admin API that Synapse does not have', () => {
  const called = new Set(
    [...declared.values()].flat().filter((one) => one.includes(' /_synapse/admin/')),
  );
  expect(
    [...called].filter((one) => adminEndpoints[one] === undefined),
    'a typing error, or new in a later Synapse: then add it to test/contract/admin-endpoints.ts',
  ).toEqual([]);
});
