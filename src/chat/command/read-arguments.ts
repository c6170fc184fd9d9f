import { dayMs } from '../../core/duration.ts';
import { UsageError } from '../../core/errors.ts';
import { amount, dateTime } from '../answers/phrases.ts';
import { flagParts, isFlag, tokenize } from '../reading/tokenize.ts';
import type { Token } from '../reading/tokenize.ts';
import {
  readMedia,
  readReference,
  readUser,
  readValue,
  readWord,
  textFor,
} from '../reading/values.ts';
import type { ReadingContext, Word } from '../reading/values.ts';
import { flagName } from './arguments.ts';
import type { Argument } from './arguments.ts';
import { takeBareValues } from './bare-values.ts';
import type { Command } from './declaration.ts';
import { serverOfArguments, takeOn } from './on-homeserver.ts';
import { parseFlags } from './parse-flags.ts';
import type { ParsedFlags } from './parse-flags.ts';
import { missing, namesFlag, tooMany, unexpected, withReasonAdvice } from './positional-errors.ts';
import type { PositionalOptions } from './positional-errors.ts';
import {
  argumentsOf,
  canChange,
  canEnd,
  isVerbatim,
  placeholderOf,
  whyNotLater,
} from './properties.ts';
import { countBeforeRooms, countUsers, isFullUser, splitAtCommas } from './user-words.ts';
import { verbatimTokens } from './verbatim-text.ts';

export interface ReadArguments {
  /** By declared name. Rooms given by alias are still aliases. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly reason: string | undefined;
  /** The homeserver that it is about, if `--on` or a room, message or file says so. */
  readonly on: string | undefined;
  /** The server name of bare names. */
  readonly serverName: string;
  readonly dryRun: boolean;
  readonly overrideProtection: boolean;
  /** Filters of accounts, as they were typed. */
  readonly matching: string | undefined;
  /** Milliseconds. */
  readonly forMs: number | undefined;
  /** Milliseconds since 1970; undefined if it is done at once. */
  readonly notBefore: number | undefined;
  /** The arguments that were left out, and filled in from what the message is about. */
  readonly filledIn: readonly string[];
}

/** The maximum number of words in one argument, such as users. */
const maxWords = 1000;
/** Nothing is scheduled for a later time than this. */
const maxLaterMs = 366 * dayMs;
/** The maximum length of a reason, in characters: it is stored with each account. */
const maxReason = 1000;

/**
 * The words of a command line after the command's name.
 *
 * @throws UsageError a quote is not closed, or a flag stands in a text and is probably meant as one
 */
export function commandTokens(
  command: Command,
  line: string,
  context: Pick<ReadingContext, 'prefix' | 'fillIn'>,
): Token[] {
  return isVerbatim(command) ? verbatimTokens(command, line, context) : tokenize(line).slice(1);
}

/**
 * Reads the words after a command's name by its declaration.
 *
 * @throws UsageError naming the first offending word
 */
export function readArguments(
  command: Command,
  tokens: readonly Token[],
  context: ReadingContext,
): ReadArguments {
  const { tokens: words, on } = takeOn(command, tokens, context);
  const serverName = on ?? context.serverName;
  const read = readRest(command, words, { ...context, serverName });
  return {
    ...read,
    on: on ?? serverOfArguments(command, read.values, context.homeservers),
    serverName,
  };
}

function readRest(
  command: Command,
  tokens: readonly Token[],
  context: ReadingContext,
): Omit<ReadArguments, 'on' | 'serverName'> {
  if (tokens.length > 2 * maxWords) {
    throw tooMany(tokens.length, 'One command', 2 * maxWords);
  }
  const declared = argumentsOf(command);
  const flags = new Map(
    Object.entries(declared)
      .filter(([, { place }]) => place === 'flag')
      .map(([key, argument]) => [flagName(key), { key, argument }] as const),
  );
  const typedName = `${context.prefix}${command.name}`;
  assertNotLater(command, tokens, typedName);
  const takesUsers = Object.values(declared).some(
    ({ place, kind }) => place === 'positional' && ['account', 'target', 'user'].includes(kind),
  );
  const takesDashes = Object.values(declared).some(({ options }) => options.dashes === true);
  const takesNegative = Object.values(declared).some(
    ({ place, options }) => place === 'positional' && (options.min ?? 0) < 0,
  );
  const typed = tokens.map((token) =>
    (takesDashes && isFlag(token)) || (takesNegative && /^-\d+$/u.test(token.text))
      ? { ...token, quoted: true }
      : token,
  );
  const { words, given } = withUsersOfFlag(
    declared,
    parseFlags(typed, flags, typedName, (word) =>
      takesUsers ? readUser(word, context.serverName) : undefined,
    ),
  );
  const values: Record<string, unknown> = {};
  const isGiven = (key: string) => given.has(flagName(key));
  const bare = canChange(command)
    ? { values: {}, rest: words }
    : takeBareValues(declared, words, { context, isGiven });
  const filledIn = readPositionals(declared, bare.rest, values, {
    context,
    command: typedName,
    isGiven: (key) => isGiven(key) || bare.values[key] !== undefined,
    takesReason: canChange(command),
  });
  for (const [name, { key, argument }] of flags) {
    values[key] = bare.values[key] ?? readFlag(name, key, argument, given.get(name), context);
  }
  if (!canChange(command)) {
    return {
      values,
      reason: undefined,
      dryRun: false,
      overrideProtection: false,
      matching: undefined,
      forMs: undefined,
      notBefore: undefined,
      filledIn,
    };
  }
  const {
    reason,
    dryRun,
    overrideProtection,
    fromFile: _,
    matching: typedMatching,
    ...rest
  } = values;
  const standIn = Object.keys(rest).find(
    (key) => rest[key] === true && declared[key]?.options.matching !== undefined,
  );
  const matching = declared[standIn ?? '']?.options.matching ?? typedMatching;
  // An invocation that was read before is written with both.
  if (standIn !== undefined && typedMatching !== undefined && typedMatching !== matching) {
    throw new UsageError(`Give \`--${flagName(standIn)}\` or \`--matching\`, not both.`, {
      word: '--matching',
    });
  }
  if (typeof reason === 'string' && reason.length > maxReason) {
    throw new UsageError(
      `\`--reason\` is too long. The limit is ${amount(maxReason, 'character')}.`,
      { word: '--reason' },
    );
  }
  const isOwn = (key: string) => Object.hasOwn(command.args, key);
  // A command may have a `--for` of its own, with a meaning of its own.
  const flagOfAll = (key: 'at' | 'for' | 'in') =>
    isOwn(key) ? undefined : (rest[key] as number | undefined);
  const common = new Set(
    ['at', 'in', ...(canEnd(command) ? ['for'] : [])].filter((key) => !isOwn(key)),
  );
  const own = Object.fromEntries(Object.entries(rest).filter(([key]) => !common.has(key)));
  const forMs = canEnd(command) ? flagOfAll('for') : undefined;
  if (forMs !== undefined) {
    command.checkEnd?.(own);
  }
  return {
    values: own,
    forMs,
    notBefore: timeOf({ at: flagOfAll('at'), in: flagOfAll('in') }, context),
    reason: reason as string | undefined,
    dryRun: dryRun === true,
    overrideProtection: overrideProtection === true,
    matching: matching as string | undefined,
    filledIn,
  };
}

/** In `--user @a:x @b:x`, the second word is a user, too, if it can't be anything else. */
function withUsersOfFlag(
  declared: Readonly<Record<string, Argument>>,
  { words, given }: ParsedFlags,
): ParsedFlags {
  const [key] =
    Object.entries(declared).find(
      ([name, { place, kind, options }]) =>
        place === 'flag' &&
        kind === 'account' &&
        options.many === true &&
        given.has(flagName(name)),
    ) ?? [];
  if (key === undefined || !words.every(isFullUser)) {
    return { words, given };
  }
  const name = flagName(key);
  return {
    words: [],
    given: new Map([...given, [name, [...(given.get(name) ?? []), ...words]]]),
  };
}

/** @throws UsageError the command can't be scheduled, but `--at` or `--in` is given */
function assertNotLater(command: Command, tokens: readonly Token[], typedName: string): void {
  const why = canChange(command) ? whyNotLater(command) : undefined;
  const later = tokens.find(
    (token) =>
      isFlag(token) &&
      ['at', 'in'].some((name) => flagParts(token).name === name) &&
      !Object.hasOwn(command.args, flagParts(token).name),
  );
  if (why !== undefined && later !== undefined) {
    throw new UsageError(`\`${typedName}\` can’t be scheduled: ${why}.`, {
      word: later.text,
      advice: 'Send it when you want it done.',
    });
  }
}

/**
 * When to do it; undefined for at once.
 *
 * @throws UsageError the time has passed, is too far away, or is given twice
 */
function timeOf(
  { at, in: inMs }: { readonly at: number | undefined; readonly in: number | undefined },
  { now }: ReadingContext,
): number | undefined {
  if (at !== undefined && inMs !== undefined) {
    throw new UsageError('Give `--at` or `--in`, not both.', { word: '--in' });
  }
  const time = at ?? (inMs === undefined ? undefined : now + inMs);
  const word = at === undefined ? '--in' : '--at';
  if (time !== undefined && time <= now) {
    throw new UsageError(`\`--at\`: ${dateTime(time)} has passed. It is ${dateTime(now)} now.`, {
      word,
    });
  }
  if (time !== undefined && time > now + maxLaterMs) {
    throw new UsageError(`\`${word}\` can be at most a year from now.`, { word });
  }
  return time;
}

/**
 * Reads the words by the declared positionals into `values`. Returns the arguments that were filled in.
 *
 * @throws UsageError a word is missing, surplus, or can't be read
 */
function readPositionals(
  declared: Readonly<Record<string, Argument>>,
  words: readonly Word[],
  values: Record<string, unknown>,
  options: PositionalOptions,
): string[] {
  const { context, isGiven } = options;
  const left = [...words];
  const allFilledIn: string[] = [];
  const positionals = Object.entries(declared).filter(([, { place }]) => place === 'positional');
  const hasRest = positionals.some(([, argument]) => argument.options.rest === true);
  const [implied, meant] = impliedIn(positionals, left, context) ?? [];
  if (implied !== undefined && meant !== undefined) {
    left.unshift({ text: meant, exact: true });
    allFilledIn.push(implied);
  }
  for (const [at, [key, argument]] of positionals.entries()) {
    const { many, rest, unless } = argument.options;
    // Users may come from a file or a search instead.
    const isElsewhere =
      argument.kind === 'account' &&
      many === true &&
      Object.entries(declared).some(
        ([name, { options }]) =>
          isGiven(name) &&
          (name === 'fromFile' || name === 'matching' || options.matching !== undefined),
      );
    const optional = argument.options.optional === true || isElsewhere;
    if (takesFilesInstead(argument, declared, left)) {
      assertOnlyFiles(left, isElsewhere, options);
      values[key] = argument.fallback;
      continue;
    }
    const instead = unless?.find((name) => isGiven(name));
    const isReplaced = instead !== undefined;
    // Before a text, nobody can tell a surplus word from the text.
    if (isReplaced && left.length > 0 && !hasRest) {
      throw new UsageError(
        `Give ${placeholderOf(key, argument)} or \`--${flagName(instead)}\`, not both.`,
      );
    }
    if (isReplaced) {
      values[key] = argument.fallback;
      continue;
    }
    const filledIn = left.length === 0 && !optional ? context.fillIn?.(argument.kind) : undefined;
    if (filledIn !== undefined) {
      left.push({ text: filledIn, exact: true });
      allFilledIn.push(key);
    }
    if (left.length === 0) {
      if (!optional) {
        throw missing(key, argument, declared, options);
      }
      values[key] = argument.fallback;
      continue;
    }
    if (rest === true) {
      values[key] = left
        .splice(0)
        .map(({ text }) => text)
        .join(' ');
      continue;
    }
    const least = isElsewhere ? 0 : 1;
    // The last words belong to the arguments that follow.
    const followers = positionals
      .slice(at + 1)
      .filter(([name]) => unless?.includes(name) !== true).length;
    const count =
      many !== true
        ? 1
        : hasRest
          ? countUsers(left, least)
          : positionals[at + 1]?.[1].kind === 'room'
            ? countBeforeRooms(left, least)
            : Math.max(least, left.length - followers);
    const own = left.splice(0, count);
    const split =
      many === true ? own.flatMap((word) => splitAtCommas(word, argument, context)) : [];
    const read = readWords(declared, key, split.length === 0 ? own : split, options);
    values[key] = many === true ? [...new Set(read)] : read[0];
  }
  const [surplus] = left;
  if (surplus !== undefined) {
    throw unexpected(words, words.indexOf(surplus), declared, options);
  }
  return allFilledIn;
}

/** The first positional, and what the message is about, if that is left out and meant. */
function impliedIn(
  positionals: readonly (readonly [string, Argument])[],
  words: readonly Word[],
  { fillIn }: ReadingContext,
): readonly [string, string | undefined] | undefined {
  const [[key, argument] = [], ...followers] = positionals;
  const [first] = words;
  if (argument?.options.implied !== true || first === undefined) {
    return undefined;
  }
  const isLeftOut = followers.some(([, { options }]) => options.rest === true)
    ? readReference(textFor(first, argument.kind)) === undefined
    : words.length === followers.length;
  return isLeftOut && key !== undefined ? [key, fillIn?.(argument.kind)] : undefined;
}

/** Whether the words are for the other positional, which stands for this one. */
function takesFilesInstead(
  { options: { unless = [] } }: Argument,
  declared: Readonly<Record<string, Argument>>,
  words: readonly Word[],
): boolean {
  return unless.some((key) => declared[key]?.place === 'positional') && words.some(isMeantAsFile);
}

function isMeantAsFile(word: Word): boolean {
  const text = textFor(word, 'media');
  return /^mxc:/iu.test(text) || readMedia(text) !== undefined;
}

/** @throws UsageError there are users, too */
function assertOnlyFiles(
  words: readonly Word[],
  isSearched: boolean,
  { context, takesReason }: PositionalOptions,
): void {
  const user = words.find(
    (word) =>
      !isMeantAsFile(word) && readUser(textFor(word, 'account'), context.serverName) !== undefined,
  );
  if (user === undefined && !isSearched) {
    return;
  }
  const error = new UsageError('Give users or files, not both.', {
    word: user?.text,
    advice: 'Send one command for the users, and another one for the files.',
  });
  throw user !== undefined && takesReason ? withReasonAdvice(error) : error;
}

function readWords(
  declared: Readonly<Record<string, Argument>>,
  key: string,
  words: readonly Word[],
  options: PositionalOptions,
): unknown[] {
  const { context, takesReason } = options;
  const argument = declared[key] as Argument;
  if (words.length > maxWords) {
    throw tooMany(words.length, placeholderOf(key, argument), maxWords);
  }
  return words.map((word, at) => {
    try {
      return readWord(word, argument, context);
    } catch (error) {
      if (error instanceof UsageError && at > 0 && namesFlag(word, declared, options)) {
        throw unexpected(words, at, declared, options);
      }
      // After a word that can be read, one that can't is probably part of a sentence.
      throw error instanceof UsageError && at > 0 && takesReason ? withReasonAdvice(error) : error;
    }
  });
}

/** @throws UsageError the flag is required, or its value can't be read */
function readFlag(
  name: string,
  key: string,
  argument: Argument,
  given: readonly (boolean | Word)[] | undefined,
  context: ReadingContext,
): unknown {
  const { many, required } = argument.options;
  if (given === undefined) {
    if (required === true) {
      throw new UsageError(`\`--${name}\` is missing.`, {
        word: `--${name}`,
        advice: `${argument.description}: \`--${name} ${placeholderOf(key, argument)}\``,
      });
    }
    return argument.kind === 'date' && typeof argument.fallback === 'string'
      ? readValue(argument.fallback, argument, context)
      : argument.fallback;
  }
  const read = given.map((value) => {
    if (typeof value === 'boolean') {
      return value;
    }
    try {
      return readWord(value, argument, context);
    } catch (error) {
      throw error instanceof UsageError
        ? new UsageError(`\`--${name}\`: ${error.message}`, {
            word: error.word,
            advice: [error.advice, argument.options.ifWrong].filter(Boolean).join(' '),
            argument: key,
          })
        : error;
    }
  });
  return many === true ? [...new Set(read)] : read[0];
}
