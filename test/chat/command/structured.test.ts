import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { flagName } from '../../../src/chat/command/arguments.ts';
import type { Command } from '../../../src/chat/command/declaration.ts';
import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { argumentsOf } from '../../../src/chat/command/properties.ts';
import { readArguments } from '../../../src/chat/command/read-arguments.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import {
  describeCommand,
  descriptionKey,
  readStructured,
  writeStructured,
} from '../../../src/chat/command/structured.ts';
import type { StructuredCommand } from '../../../src/chat/command/structured.ts';
import { tokenize } from '../../../src/chat/reading/tokenize.ts';
import type { UserId } from '../../../src/core/ids.ts';

const commands = await loadCommands();
const registry = createRegistry(commands);
const context = { serverName: 'example.com', now: Date.UTC(2026, 10, 21), prefix: '!' };

interface Parameter {
  readonly key: string;
  readonly optional?: true;
  readonly schema: Schema;
  readonly description: { 'm.text': { body: string }[] };
}

interface Schema {
  readonly schema_type: string;
  readonly type?: string;
  readonly value?: string;
  readonly variants?: readonly Schema[];
  readonly items?: Schema;
}

const primitives = new Set([
  'string',
  'integer',
  'boolean',
  'server_name',
  'user_id',
  'room_id',
  'room_alias',
  'event_id',
]);

/** By the rules of mautrix-go, which clients apply. */
function isValid(schema: Schema, parent?: string): boolean {
  switch (schema.schema_type) {
    case 'primitive':
      return primitives.has(schema.type ?? '');
    case 'literal':
      return typeof schema.value === 'string';
    case 'union':
      return (
        (parent === undefined || parent === 'array') &&
        (schema.variants ?? []).length > 0 &&
        (schema.variants ?? []).every((one) => isValid(one, 'union'))
      );
    case 'array':
      return parent === undefined && schema.items !== undefined && isValid(schema.items, 'array');
    default:
      return false;
  }
}

describe.each(commands.map((command) => [command.name, command] as const))('%s', (_, command) => {
  const description = describeCommand(command);
  const parameters = description.parameters as readonly Parameter[];

  test('has a description that clients accept', () => {
    expect(parameters.filter(({ schema }) => !isValid(schema))).toEqual([]);
    expect(new Set(parameters.map(({ key }) => key)).size).toBe(parameters.length);
    const tail = description['fi.mau.tail_parameter'];
    const tailAt = parameters.findIndex(({ key }) => key === tail);
    expect(tailAt === -1).toBe(tail === undefined);
    const behind = tailAt === -1 ? [] : parameters.slice(tailAt + 1);
    expect(behind.filter(({ optional }) => optional !== true)).toEqual([]);
    // An event holds 65,536 bytes.
    expect(JSON.stringify(description).length).toBeLessThan(16_000);
  });

  test('its example is read the same when a client sends it as a field', () => {
    const [, ...tokens] = tokenize(command.example);
    const typed = readArguments(command, tokens, context);
    const line = writeStructured(asField(command, command.example), command);
    const [name, ...words] = tokenize(line);
    expect(name?.text).toBe(command.name);
    expect(readArguments(command, words, context)).toEqual(typed);
  });
});

/** The example as a client sends it: each word under the name of its parameter. */
function asField(command: Command, example: string): StructuredCommand {
  const [, ...tokens] = tokenize(example);
  const declared = argumentsOf(command);
  const positionals = Object.entries(declared).filter(([, one]) => one.place === 'positional');
  const given: Record<string, boolean | string | string[]> = {};
  let next = 0;
  for (let at = 0; at < tokens.length; at += 1) {
    const text = tokens[at]?.text ?? '';
    const [, name = '', value] = /^--([\w-]+)(?:=(.*))?$/su.exec(text) ?? [];
    const flag = Object.entries(declared).find(([key]) => flagName(key) === name)?.[1];
    if (name === '') {
      const [key = '', argument] = positionals[next] ?? [];
      if (argument?.options.many === true) {
        const before = given[flagName(key)];
        given[flagName(key)] = [...(Array.isArray(before) ? before : []), text];
      } else if (argument?.options.rest === true) {
        const before = given[flagName(key)];
        given[flagName(key)] = before === undefined ? text : `${String(before)} ${text}`;
      } else if (argument === undefined) {
        // A value that was typed without the name of its flag.
        const bare = Object.entries(declared).find(
          ([, { options }]) => options.bare === true && options.choices?.includes(text) === true,
        );
        given[flagName(bare?.[0] ?? '')] = text;
      } else {
        given[flagName(key)] = text;
        next += 1;
      }
    } else if (flag?.kind === 'boolean') {
      given[name] = true;
    } else if (flag === undefined) {
      given[name.replace(/^no-/u, '')] = false;
    } else {
      at += value === undefined ? 1 : 0;
      given[name] = value ?? tokens[at]?.text ?? '';
    }
  }
  return { command: command.name, arguments: given };
}

test('the state key is the one that clients compute', () => {
  // printf '%s' 'ban@bot:example.com' | sha256sum | xxd -r -p | base64
  expect(descriptionKey('ban', '@bot:example.com' as UserId)).toBe(
    'k2Qka4ikfJ1h0JWsvmugNSfhWNE9t70Nant2z5AhJIw=',
  );
});

const deactivate = registry.find('deactivate') as Command;

test('whatever a value holds, it stays a value', () => {
  const tricky = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('--erase', '"; !deactivate @x:y', '\\', '“', '--', '@a:b --erase', '\n!help'),
  );
  fc.assert(
    fc.property(tricky, (text) => {
      fc.pre(text.isWellFormed() && text !== '');
      const field = {
        command: 'deactivate',
        arguments: { accounts: ['@a:example.com'], reason: text },
      };
      const line = writeStructured(readStructured(field) as StructuredCommand, deactivate);
      const [, ...words] = tokenize(line);
      expect(readArguments(deactivate, words, context)).toMatchObject({
        reason: text,
        dryRun: false,
        values: { erase: false },
      });
    }),
  );
});

test('rooms and events are written as people write them', () => {
  const field = {
    command: 'redact',
    arguments: {
      event: { type: 'event_id', id: '!lobby:example.com', event_id: '$event', via: ['a', 'b'] },
      room: { type: 'room_id', id: '!lobby:example.com' },
      count: 3,
      left: null,
    },
  };
  expect(readStructured(field)?.arguments).toEqual({
    event: 'https://matrix.to/#/!lobby%3Aexample.com/%24event',
    room: '!lobby:example.com',
    count: '3',
    left: null,
  });
});

test('names that objects have anyway mean nothing', () => {
  const given = JSON.parse('{"__proto__": ["x"], "constructor": "y"}') as unknown;
  const read = readStructured({ command: 'user', arguments: given });
  expect(Object.getPrototypeOf(read?.arguments)).toBe(Object.prototype);
  expect(() =>
    readArguments(
      registry.find('user') as Command,
      tokenize(writeStructured(read as StructuredCommand, registry.find('user'))).slice(1),
      context,
    ),
  ).toThrow('--constructor');
});

test.each([
  ['no object', 'deactivate'],
  ['no name', { arguments: {} }],
  ['a name of several words', { command: 'deactivate @a:b', arguments: {} }],
  ['a long name', { command: 'x'.repeat(41) }],
  ['arguments in a list', { command: 'user', arguments: ['@a:b'] }],
  ['a fraction', { command: 'user', arguments: { user: 1.5 } }],
  ['lists in lists', { command: 'user', arguments: { user: [['@a:b']] } }],
  ['an object of another kind', { command: 'user', arguments: { user: { name: '@a:b' } } }],
  ['a name with blanks', { command: 'user', arguments: { 'user --erase': true } }],
  [
    'more arguments than any command has',
    {
      command: 'user',
      arguments: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`a${at}`, 'x'])),
    },
  ],
])('%s can’t be read', (_, field) => {
  expect(readStructured(field)).toBeUndefined();
});

test('a value that is missing in front of another can’t be typed, and an unknown name is named', () => {
  const device = registry.find('rename-device') as Command;
  const [first = '', second = ''] = Object.entries(argumentsOf(device))
    .filter(([, { place }]) => place === 'positional')
    .map(([key]) => flagName(key));
  expect(() =>
    writeStructured({ command: device.name, arguments: { [second]: 'ABCDEF' } }, device),
  ).toThrow(`\`${first}\` is missing in front of \`${second}\``);
  const line = writeStructured(
    { command: 'deactivate', arguments: { accounts: '@a:example.com', erse: true } },
    deactivate,
  );
  const [, ...words] = tokenize(line);
  expect(() => readArguments(deactivate, words, context)).toThrow('--erse');
});
