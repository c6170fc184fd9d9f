import { UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import { flagParts, isEndOfFlags, isFlag, readWords } from '../reading/tokenize.ts';
import type { Token } from '../reading/tokenize.ts';
import { readReference, textFor } from '../reading/values.ts';
import type { ReadingContext } from '../reading/values.ts';
import { flagName } from './arguments.ts';
import type { Argument } from './arguments.ts';
import type { Command } from './declaration.ts';
import { argumentsOf, placeholderOf } from './properties.ts';

type Words = ReturnType<typeof readWords>;
type Flags = ReadonlyMap<string, Argument>;
type Positional = readonly [string, Argument];

/**
 * The words of a command line after the name of a command that keeps its text as it was typed: all that follows the
 * other arguments is one word, and no flag is looked for in it.
 *
 * @throws UsageError a quote is not closed, or a flag stands in such a text and is probably meant as one
 */
export function verbatimTokens(
  command: Command,
  line: string,
  context: Pick<ReadingContext, 'prefix' | 'fillIn'>,
): Token[] {
  const declared = Object.entries(argumentsOf(command));
  const flags: Flags = new Map(
    declared
      .filter(([, { place }]) => place === 'flag')
      .map(([key, argument]) => [flagName(key), argument]),
  );
  const positionals = declared.filter(([, { place }]) => place === 'positional');
  const words = readWords(line);
  words.next();
  const head = readHead(words, positionals.slice(0, -1), flags, context);
  const text = words.from(head.end).trim();
  if (!head.isEndOfFlags) {
    assertNoFlagIn(text, flags, `${context.prefix}${command.name}`, positionals);
  }
  return [...head.tokens, ...(text === '' ? [] : [{ text, quoted: true }])];
}

/** What stands in front of the text. */
interface Head {
  readonly tokens: readonly Token[];
  /** Where the text begins. */
  readonly end: number;
  /** After `--`, nothing is a flag. */
  readonly isEndOfFlags: boolean;
}

/** Reads the flags and the arguments in front of the text. */
function readHead(
  words: Words,
  positionals: readonly Positional[],
  flags: Flags,
  { fillIn }: Pick<ReadingContext, 'fillIn'>,
): Head {
  const tokens: Token[] = [];
  const left = [...positionals];
  let ended = false;
  while (left.length > 0) {
    const end = words.position();
    const [, { kind, options }] = left[0] as Positional;
    const mayBeLeftOut = options.implied === true && fillIn?.(kind) !== undefined;
    const token = nextOf(words, { mayBeText: mayBeLeftOut });
    if (token === undefined) {
      return { tokens, end, isEndOfFlags: ended };
    }
    if (!ended && isEndOfFlags(token)) {
      ended = true;
      tokens.push(token);
    } else if (!ended && isFlag(token)) {
      tokens.push(token, ...valueOf(token, words, flags));
    } else if (mayBeLeftOut && !isReference(token, kind)) {
      return { tokens, end, isEndOfFlags: ended };
    } else {
      tokens.push(token);
      left.shift();
    }
  }
  return { tokens, end: words.position(), isEndOfFlags: ended };
}

/** @throws UsageError its quote is not closed, which in a text is no error */
function nextOf(words: Words, { mayBeText }: { readonly mayBeText: boolean }): Token | undefined {
  try {
    return words.next();
  } catch (error) {
    if (mayBeText && error instanceof UsageError) {
      return undefined;
    }
    throw error;
  }
}

/** The word that is the value of a flag, unless it follows a `=` or is missing. */
function valueOf(flag: Token, words: Words, flags: Flags): Token[] {
  const { name, value } = flagParts(flag);
  const argument = flags.get(name);
  const takesValue = argument !== undefined && argument.kind !== 'boolean' && value === undefined;
  return takesValue ? [words.next()].filter((token) => token !== undefined) : [];
}

function isReference({ text, quoted, quotedValue }: Token, kind: Argument['kind']): boolean {
  const exact = quoted || quotedValue === true;
  return readReference(textFor({ text, exact }, kind)) !== undefined;
}

/** Words that begin with two dashes, or with one that a phone has made of them, or that is missing. */
const flagLike = /(?<=^|\s)(--|[-–—―])((?:no-)?[a-z][a-z-]*)(?==|\s|$)/giu;

/**
 * Whoever types a flag of the command after the text has begun probably means the flag. To take it for text would, for
 * example, turn a dry run into a change.
 */
function assertNoFlagIn(
  text: string,
  flags: Flags,
  command: string,
  positionals: readonly Positional[],
): void {
  const nameOf = (word: string) => word.toLowerCase().replace(/^no-/u, '');
  const [, dashes = '', word = ''] =
    [...text.matchAll(flagLike)].find(([, mark, found = '']) => {
      const flag = nameOf(found);
      // People write `—in a hurry —`, too.
      return flags.has(flag) && (mark === '--' || flag.length > 2);
    }) ?? [];
  if (word !== '') {
    const name = nameOf(word);
    const rest = positionals.map(([key, argument]) => placeholderOf(key, argument)).join(' ');
    throw new UsageError(`\`--${name}\` stands in the text, where flags are not read.`, {
      word: `${dashes}${word}`,
      advice: `Write flags first: \`${command} --${cut(name)}${valueShape(name, flags)} ${rest}\`. If it belongs to the text, put \`--\` first: \`${command} -- ${rest}\`.`,
    });
  }
}

function valueShape(name: string, flags: Flags): string {
  const argument = flags.get(name);
  return argument === undefined || argument.kind === 'boolean'
    ? ''
    : ` ${argument.options.placeholder ?? '"…"'}`;
}
