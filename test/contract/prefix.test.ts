import { glob, readFile } from 'node:fs/promises';

import { expect, test } from 'vitest';

import type { Answer } from '../../src/chat/answers/answer.ts';
import { groups } from '../../src/chat/command/declaration.ts';
import type { Group } from '../../src/chat/command/declaration.ts';
import { helpForTopic, topics } from '../../src/chat/command/help-topics.ts';
import {
  helpFor,
  helpForAll,
  helpForFlag,
  helpForGroup,
  helpForWord,
} from '../../src/chat/command/help.ts';
import { loadCommands } from '../../src/chat/command/load-commands.ts';
import { argumentsOf } from '../../src/chat/command/properties.ts';
import { createRegistry } from '../../src/chat/command/registry.ts';
import { describeCommand } from '../../src/chat/command/structured.ts';
import { parseEventId, parseRoomId } from '../../src/core/ids.ts';
import { replyContent } from '../../src/matrix/delivery/content.ts';

const prefix = '%';
const commands = await loadCommands();
const registry = createRegistry(commands, prefix);
const names = commands.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
/** The name of a command, and not the beginning of another word. */
const name = `(?:${names.join('|')})(?![\\w-])`;

const origin = {
  event: parseEventId('$event') ?? expect.unreachable(),
  room: parseRoomId('!room:x') ?? expect.unreachable(),
};

/** The plain text of an answer as it is sent. */
function sent(answer: Answer): string {
  const reply = { command: 'help', status: 'done' as const, audit: [], answer };
  return String(replyContent(reply, origin, prefix)['body']);
}

/** What the bot says about its commands, in every form. */
const helpTexts = [
  ...registry.all.map((command) => sent(helpFor(command, prefix, registry.all))),
  ...(Object.keys(groups) as Group[]).map((group) => sent(helpForGroup(registry, group, prefix))),
  ...topics.map((topic) => sent(helpForTopic(topic, prefix))),
  ...['for', 'matching', 'order-by'].map((flag) =>
    sent(helpForFlag(registry, flag, prefix) ?? expect.unreachable()),
  ),
  sent(helpForAll(registry, prefix)),
  sent(helpForWord('word', registry.all, prefix)),
  ...registry.all.map((command) => JSON.stringify(describeCommand(command))),
];

test('help writes commands with the configured prefix', () => {
  const written = helpTexts.flatMap((text) => text.match(/!(?=[a-z])[\w-]+(?!:)\b/gu) ?? []);
  expect(written).toEqual([]);
});

test('help mentions only commands that exist', () => {
  const mentioned = helpTexts.flatMap((text) => text.match(/(?<=%)[a-z][a-z-]*/gu) ?? []);
  expect(mentioned).toContain('more');
  expect(mentioned.filter((one) => !names.includes(one) && one !== 'word')).toEqual([]);
});

/** The texts of a declaration in which `!` stands for the prefix. */
const declaredTexts = [
  ...commands.flatMap((command) => [
    ...(command.does ?? []),
    ...(command.doesNot ?? []),
    command.effect ?? '',
    ...Object.values(command.args).flatMap(({ description, options }) => [
      description,
      options.ifMissing ?? '',
    ]),
  ]),
  ...topics.flatMap(({ notes, flags }) => [...notes, ...flags.map(([, what]) => what)]),
];

const hyphened = names.filter((one) => one.includes('-')).join('|');
/** In a sentence, a name with a hyphen is a command, except for one noun. */
const bareName = `(?<![\\w!-])(?:${hyphened})(?![\\w-])(?<!the shadow-ban)`;

test('declared texts write the commands that they mention with a prefix', () => {
  const bare = new RegExp(`\\bsee (?![!-])[\\w-]+|${bareName}`, 'u');
  const inParentheses = declaredTexts.flatMap((text) => text.match(/\(see [^)]*/gu) ?? []);
  expect(inParentheses).not.toEqual([]);
  expect(inParentheses.filter((list) => /, (?!!)/u.test(list))).toEqual([]);
  expect(declaredTexts.filter((text) => bare.test(text))).toEqual([]);
});

test('the flags of all commands mention none: the registry does not see them', () => {
  const shared = commands.flatMap((command) =>
    Object.entries(argumentsOf(command)).filter(([key]) => !(key in command.args)),
  );
  expect(shared.filter(([, { description }]) => description.includes('!'))).toEqual([]);
});

/** The code of a file without its comments. */
const withoutComments = (source: string) =>
  source.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gmu, '');

// The lines of rules have no prefix, and the set-up may not know it yet.
const speakers =
  'src/{chat,commands,matrix,operations,services,reports/{cards,intake,triage}}/**/*.ts';

test('answers and errors write commands with the configured prefix', async () => {
  const replaced = new Set(declaredTexts.filter((text) => text.includes('!')));
  const inQuotes = new RegExp(`!${name}|\`${name}|^'(?!Lawspeaker: )[A-Z].*${bareName}`, 'u');
  const inTemplates = new RegExp(`(?:\\\\\`|\\bcode\\([\`'])!?${name}.*`, 'gu');
  const found: string[] = [];
  for await (const file of glob(speakers)) {
    const source = withoutComments(await readFile(file, 'utf8'));
    const quoted = (source.match(/'(?:[^'\\\n]|\\.)*'/gu) ?? []).filter(
      (literal) => inQuotes.test(literal) && !replaced.has(literal.slice(1, -1)),
    );
    found.push(
      ...[...quoted, ...(source.match(inTemplates) ?? [])].map((text) => `${file}: ${text}`),
    );
  }
  expect(found).toEqual([]);
});
