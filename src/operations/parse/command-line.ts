import type { Command, Guess, Registry } from '../../chat/command/declaration.ts';
import { topicFor } from '../../chat/command/help-topics.ts';
import type { ReadingContext } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { localpartOf, parseRoomId } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { Settings } from '../settings.ts';

/** What finding the command of a line needs. */
export interface CommandNameContext {
  readonly registry: Pick<Registry, 'find' | 'guess'>;
  readonly settings: Pick<Settings, 'prefix'>;
}

/** What finding a command line needs. */
export interface CommandLineContext extends CommandNameContext {
  readonly settings: Pick<Settings, 'botUser' | 'prefix'>;
}

/** What reading the arguments of a command line needs. */
export interface ReadingSettings {
  readonly settings: Pick<Settings, 'homeservers' | 'prefix' | 'serverName'>;
  now(): number;
}

export function readingContext({ settings, now }: ReadingSettings): ReadingContext {
  const { homeservers, prefix, serverName } = settings;
  return { homeservers, serverName, prefix, now: now() };
}

/** User IDs have at most 255 bytes. */
const maxAddressLength = 300;
/** No name of a command is as long as this. */
const maxShownName = 40;

/** Blanks and invisible characters: keyboards and copying put them in front. */
const invisible = String.raw`[\s\p{Cf}]*`;
const invisibleInFront = new RegExp(`^${invisible}`, 'u');

/**
 * The command line in a message, without prefix or address; undefined if the message is not a command.
 *
 * A command is `!name …`, or follows the bot's name or ID, with or without the prefix. The whole message
 * may be code, bold or italics, and the prefix may be full-width. After a blank or several prefixes
 * (`! name`, `!!name`), only the name of a command, or nearly one, counts: anything else is an
 * exclamation. A command in quoted text or inside a sentence doesn't count.
 */
export function commandLineIn(text: string, context: CommandLineContext): string | undefined {
  const rest = trimInvisible(text);
  return lineIn(rest, context) ?? insideMarkup(rest, (inside) => lineIn(inside, context));
}

function lineIn(text: string, context: CommandLineContext): string | undefined {
  const { settings, registry } = context;
  const behind = behindAddress(text, settings.botUser);
  const rest = behind ?? text;
  if (roomIdIn(rest, registry, 'with more behind it') !== undefined) {
    // On its own, a room ID is answered with advice. With words after it, it is talk.
    return roomIdIn(rest, registry) === undefined ? undefined : rest.trimEnd().slice('!'.length);
  }
  const line = behindPrefix(rest, settings.prefix);
  if (line === undefined) {
    return behind !== undefined && /^\p{L}/u.test(rest) ? rest : undefined;
  }
  if (/^\p{L}/u.test(line)) {
    return line;
  }
  const name = behindMorePrefixes(line, settings.prefix);
  return isName(nameIn(name), registry) ? name : undefined;
}

function trimInvisible(text: string): string {
  return text.replace(invisibleInFront, '');
}

/** The text after the bot's name or ID; undefined if the text addresses nobody, or somebody else. */
function behindAddress(text: string, botUser: UserId): string | undefined {
  const [first = ''] = text.slice(0, maxAddressLength).split(/\s/u, 1);
  const names = [botUser, `@${localpartOf(botUser)}`, localpartOf(botUser)];
  const addressed = names.find(
    (name) => first.replace(/[,:]+$/u, '').toLowerCase() === name.toLowerCase(),
  );
  // A bare name at the start of a sentence is talk, unless a colon makes it an address.
  const isAddress =
    addressed !== undefined &&
    (addressed.startsWith('@') || /^[,:]/u.test(text.slice(addressed.length)));
  return isAddress ? trimInvisible(text.slice(addressed.length).replace(/^[,:]/u, '')) : undefined;
}

/** The text after the prefix, which an input method may have written in full width. */
function behindPrefix(text: string, prefix: string): string | undefined {
  let length = 0;
  let start = '';
  for (const character of text.slice(0, prefix.length * 2)) {
    if (start.length >= prefix.length) {
      break;
    }
    length += character.length;
    start += character.normalize('NFKC');
  }
  return start === prefix.normalize('NFKC')
    ? text.slice(length).replace(/^\p{Cf}+/u, '')
    : undefined;
}

/** `!!!` is an exclamation, `!!!!` is noise. */
const maxPrefixes = 3;

/** The text after blanks and more prefixes. */
function behindMorePrefixes(line: string, prefix: string): string {
  let rest = trimInvisible(line);
  for (let more = 1; more < maxPrefixes; more += 1) {
    rest = trimInvisible(behindPrefix(rest, prefix) ?? rest);
  }
  return rest;
}

/** The name of the command that a line begins with, for an answer about it; cut off if it is very long. */
export function shownNameIn(line: string): string {
  return nameIn(line).slice(0, maxShownName);
}

function nameIn(line: string): string {
  return line.slice(0, maxAddressLength).split(/\s/u, 1)[0] ?? '';
}

function isName(word: string, registry: Pick<Registry, 'find' | 'guess'>): boolean {
  return (
    commandCalled(word, registry) !== undefined ||
    // Short words resemble a command too often: `! no`.
    (word.length > 3 && registry.guess(word) !== undefined)
  );
}

/** Whether a text is a command line with the name of a command, or nearly one. */
export function namesCommand(text: string, context: CommandLineContext): boolean {
  const line = commandLineIn(text, context);
  return line !== undefined && isName(nameIn(line), context.registry);
}

/** The command of this name. Punctuation may follow it: `!pending?` */
function commandCalled(name: string, registry: Pick<Registry, 'find'>): Command | undefined {
  return (
    registry.find(name) ?? registry.find(name.slice(0, maxAddressLength).replace(/[.,:;?!]+$/u, ''))
  );
}

/**
 * The room ID that a text consists of or, if `wanted` says so, begins with. People paste room IDs, which
 * begin with the usual prefix of commands. `!user:name` is a command all the same.
 */
function roomIdIn(
  text: string,
  registry: Pick<Registry, 'find' | 'guess'>,
  wanted: 'alone' | 'with more behind it' = 'alone',
): RoomId | undefined {
  const word = nameIn(text);
  const [opaque = '', server] = word.split(':', 2);
  // From room version 12 on, a room ID is a hash of 43 characters without a server name.
  const isOne = server === undefined ? /^![\w-]{43}$/u.test(opaque) : server !== '';
  const isAlone = text.trimEnd() === word;
  return isOne &&
    (isAlone || wanted === 'with more behind it') &&
    registry.find(opaque.slice('!'.length)) === undefined
    ? parseRoomId(word)
    : undefined;
}

/** Markup around words; of two that begin alike, the longer one first. */
const markup = ['```', '``', '`', '***', '**', '*', '___', '__', '_'];
/** Nested markup: `**`!user x`**`. */
const maxDepth = 3;

/** What `find` finds in a text without the markup around it. */
function insideMarkup<Found>(
  text: string,
  find: (inside: string) => Found | undefined,
  depth = 0,
): Found | undefined {
  const trimmed = text.trimEnd();
  const mark = markup.find((one) => trimmed.startsWith(one));
  if (mark === undefined || depth === maxDepth) {
    return undefined;
  }
  const inside = withoutMarkup(trimmed, mark);
  return inside === undefined ? undefined : (find(inside) ?? insideMarkup(inside, find, depth + 1));
}

function withoutMarkup(text: string, mark: string): string | undefined {
  if (!text.endsWith(mark) || text.length <= mark.length * 2) {
    return undefined;
  }
  const inside = text.slice(mark.length, -mark.length);
  // `a` and `b` are two pieces of code in a sentence. Inside a word, such as an ID, `_` is not markup.
  const isSeveral = mark.startsWith('`')
    ? inside.includes('`')
    : /(?:^|\s)[*_]|[*_](?:\s|$)/u.test(inside) && !/^[*_`]/u.test(inside);
  if (isSeveral) {
    return undefined;
  }
  // A code block may begin with the name of a language.
  return trimInvisible(mark === '```' ? inside.replace(/^[\w+-]*\n/u, '') : inside).trimEnd();
}

/** The command that a line names. @throws UsageError there is no such command */
export function commandNamed(context: CommandNameContext, line: string): Command {
  const [name = ''] = line.split(/\s/u, 1);
  const { registry, settings } = context;
  const { prefix } = settings;
  const command = commandCalled(name, registry);
  if (command !== undefined) {
    return command;
  }
  const room = roomIdIn(`${prefix}${name}`, registry);
  if (room !== undefined) {
    throw new UsageError('That is a room ID, not a command.', {
      word: `${prefix}${name}`,
      advice: `Did you mean \`${prefix}room ${room}\`?`,
    });
  }
  const topic = topicFor(name);
  throw new UsageError(`There is no command \`${prefix}${name.slice(0, 40)}\`.`, {
    word: name,
    advice:
      topic === undefined
        ? adviceOn(registry.guess(name), prefix)
        : `\`${prefix}help ${topic.name}\` explains what you may be looking for.`,
  });
}

function adviceOn(guess: Guess | undefined, prefix: string): string {
  const [first] = guess?.commands ?? [];
  if (guess === undefined || first === undefined) {
    return `See \`${prefix}help\`.`;
  }
  return guess.kind === 'typo'
    ? `Did you mean \`${prefix}${first.name}\`?`
    : [
        'You may be looking for:',
        ...guess.commands.map(({ name, summary }) => `\`${prefix}${name}\` ${summary}`),
      ].join('\n');
}
