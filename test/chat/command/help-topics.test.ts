import { expect, test } from 'vitest';

import { textOf } from '../../../src/chat/answers/answer.ts';
import { flagName } from '../../../src/chat/command/arguments.ts';
import { groups } from '../../../src/chat/command/declaration.ts';
import { helpForTopic, topicFor, topics } from '../../../src/chat/command/help-topics.ts';
import { helpForAll } from '../../../src/chat/command/help.ts';
import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { argumentsOf } from '../../../src/chat/command/properties.ts';
import { readArguments } from '../../../src/chat/command/read-arguments.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import { tokenize } from '../../../src/chat/reading/tokenize.ts';

const registry = createRegistry(await loadCommands());

test('each flag that many commands take has a topic', () => {
  const general = registry.all.flatMap((command) =>
    Object.keys(argumentsOf(command)).filter((key) => !(key in command.args)),
  );
  const names = [...new Set(general)].map(flagName);
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => topicFor(name) === undefined)).toEqual([]);
});

test.each([
  ['matching', 'matching'],
  ['from-file', 'matching'],
  ['Bulk', 'matching'],
  ['ｒａｉｄ', 'matching'],
  ['in', 'later'],
  ['at', 'later'],
  ['for', 'later'],
  ['LATER', 'later'],
  ['reason', 'dry-run'],
  ['protected', 'dry-run'],
  ['on', 'homeservers'],
])('%s leads to the topic %s', (word, name) => {
  expect(topicFor(word)?.name).toBe(name);
});

test.each(['', 'x', 'deactivate', 'constructor', 'match', '--in'])(
  '%j leads to no topic',
  (word) => {
    expect(topicFor(word)).toBeUndefined();
  },
);

test('no word of a topic hides a command or a group', () => {
  const words = topics.flatMap((topic) => [topic.name, ...topic.words]);
  const taken = registry.all.flatMap(({ name, aliases = [], synonyms = [] }) => [
    name,
    ...aliases,
    ...synonyms,
  ]);
  expect(words.filter((word) => [...taken, ...Object.keys(groups)].includes(word))).toEqual([]);
  expect(new Set(words).size).toBe(words.length);
});

test('help names each topic that many need', () => {
  const { next = [] } = helpForAll(registry, '!');
  expect(next).toEqual(expect.arrayContaining(['help matching', 'help later', 'help dry-run']));
  expect(next).not.toContain('help homeservers');
});

test.each(topics)('$name explains its flags, with an example that can be read', (topic) => {
  const { title, body = [], next = [] } = helpForTopic(topic, '!');
  const text = textOf([
    ...title,
    ...body.flatMap((block) =>
      block.kind === 'list' ? block.items.flat() : block.kind === 'line' ? block.content : [],
    ),
  ]);
  expect(text).toContain(topic.title);
  expect(text).toContain(`!${topic.example}`);
  for (const [flag] of topic.flags) {
    expect(text).toContain(flag);
  }
  const [name, ...tokens] = tokenize(topic.example);
  const command = registry.find(name?.text ?? '');
  expect(
    command &&
      readArguments(command, tokens, {
        homeservers: ['example.com', 'work'].map((server) => ({
          name: server,
          serverName: server,
        })),
        serverName: 'example.com',
        now: 0,
        prefix: '!',
      }),
  ).toBeDefined();
  for (const line of next) {
    expect(registry.find(line.replace('help ', ''))).toBeDefined();
  }
});
