import type { Command } from '../../chat/command/declaration.ts';
import type { Registry } from '../../chat/command/registry.ts';
import { localpartOf, parseRoomId } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';

/** What finding a command line needs to know. */
export interface CommandSurroundings {
  readonly registry: Registry;
  readonly settings: { readonly prefix: string; readonly botUser: UserId };
}

/** A user ID has 255 bytes at most; what is longer need not be searched for one. */
const maxAddressLength = 300;

/** Blanks, and characters that show nothing: keyboards and copying put them in front. */
const nothing = String.raw`[\s\p{Cf}]*`;
const nothingInFront = new RegExp(`^${nothing}`, 'u');

/**
 * The command line in a message, without prefix or address; undefined where the message is none.
 *
 * `!name …`, or the bot's name or ID in front, with or without the prefix. The whole message may
 * stand in code, bold or italics, and the prefix may be full-width. Behind a blank or
 * several prefixes (`! name`, `!!name`) a name of ours must follow, or one that is near: other words are
 * an exclamation. Quoted text is no command; nor is one that stands somewhere in a sentence.
 */
export function commandLineIn(text: string, surroundings: CommandSurroundings): string | undefined {
  const rest = withoutNothing(text);
  return lineIn(rest, surroundings) ?? unmarked(rest, (inside) => lineIn(inside, surroundings));
}

function lineIn(text: string, surroundings: CommandSurroundings): string | undefined {
  const { settings, registry } = surroundings;
  const behind = behindAddress(text, settings.botUser);
  const rest = behind ?? text;
  if (roomIdIn(rest, registry, 'with more behind it') !== undefined) {
    // On its own it is answered with what can be asked about it; with words behind it, it is talk.
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

function withoutNothing(text: string): string {
  return text.replace(nothingInFront, '');
}

/** What follows the bot's name or ID; undefined where the text addresses nobody, or somebody else. */
function behindAddress(text: string, botUser: UserId): string | undefined {
  const [first = ''] = text.slice(0, maxAddressLength).split(/\s/u, 1);
  const names = [botUser, `@${localpartOf(botUser)}`, localpartOf(botUser)];
  const addressed = names.find(
    (name) => first.replace(/[,:]+$/u, '').toLowerCase() === name.toLowerCase(),
  );
  // A bare name in front of a sentence is talk, unless a colon makes it an address.
  const isAddress =
    addressed !== undefined &&
    (addressed.startsWith('@') || /^[,:]/u.test(text.slice(addressed.length)));
  return isAddress ? withoutNothing(text.slice(addressed.length).replace(/^[,:]/u, '')) : undefined;
}

/** What follows the prefix, which an input method may have written in full width. */
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

/** What follows blanks, and more of the same prefix. */
function behindMorePrefixes(line: string, prefix: string): string {
  let rest = withoutNothing(line);
  for (let more = 1; more < maxPrefixes; more += 1) {
    rest = withoutNothing(behindPrefix(rest, prefix) ?? rest);
  }
  return rest;
}

function nameIn(line: string): string {
  return line.slice(0, maxAddressLength).split(/\s/u, 1)[0] ?? '';
}

function isName(word: string, registry: Registry): boolean {
  return (
    commandCalled(word, registry) !== undefined ||
    // Short words are near to something too often: `! no`.
    (word.length > 3 && registry.guess(word) !== undefined)
  );
}

/** Whether a text is a command line that names a command of ours, or nearly one. */
export function namesCommand(text: string, surroundings: CommandSurroundings): boolean {
  const line = commandLineIn(text, surroundings);
  return line !== undefined && isName(nameIn(line), surroundings.registry);
}

/** The command of this name, which a mark may follow: `!pending?` */
export function commandCalled(name: string, registry: Registry): Command | undefined {
  return (
    registry.find(name) ?? registry.find(name.slice(0, maxAddressLength).replace(/[.,:;?!]+$/u, ''))
  );
}

/**
 * The room ID that a text is or, if wanted, begins with. People paste one, and its sigil is the usual
 * prefix of commands; `!user:name` is meant as a command all the same.
 */
export function roomIdIn(
  text: string,
  registry: Registry,
  wanted: 'alone' | 'with more behind it' = 'alone',
): RoomId | undefined {
  const word = nameIn(text);
  const [opaque = '', server] = word.split(':', 2);
  // Since room version 12 there is no server's name in it: a hash in 43 characters.
  const isOne = server === undefined ? /^![\w-]{43}$/u.test(opaque) : server !== '';
  const isAlone = text.trimEnd() === word;
  return isOne &&
    (isAlone || wanted === 'with more behind it') &&
    registry.find(opaque.slice('!'.length)) === undefined
    ? parseRoomId(word)
    : undefined;
}

/** What people put round words; the longer of two that begin alike first. */
const marks = ['```', '``', '`', '***', '**', '*', '___', '__', '_'];
/** Marks in marks: `**`!user x`**`. */
const deepest = 3;

/** What `find` finds in a text when the marks round it are taken away. */
function unmarked<Found>(
  text: string,
  find: (inside: string) => Found | undefined,
  depth = 0,
): Found | undefined {
  const trimmed = text.trimEnd();
  const mark = marks.find((one) => trimmed.startsWith(one));
  if (mark === undefined || depth === deepest) {
    return undefined;
  }
  const inside = withoutMarks(trimmed, mark);
  return inside === undefined ? undefined : (find(inside) ?? unmarked(inside, find, depth + 1));
}

function withoutMarks(text: string, mark: string): string | undefined {
  if (!text.endsWith(mark) || text.length <= mark.length * 2) {
    return undefined;
  }
  const inside = text.slice(mark.length, -mark.length);
  // `a` and `b`: two pieces in a sentence. In words, as in an ID, `_` marks nothing.
  const isSeveral = mark.startsWith('`')
    ? inside.includes('`')
    : /(?:^|\s)[*_]|[*_](?:\s|$)/u.test(inside) && !/^[*_`]/u.test(inside);
  if (isSeveral) {
    return undefined;
  }
  // A block may begin with the name of a language.
  return withoutNothing(mark === '```' ? inside.replace(/^[\w+-]*\n/u, '') : inside).trimEnd();
}
