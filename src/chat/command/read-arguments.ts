import parser from 'yargs-parser';

import { UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import { amount } from '../answers/phrases.ts';
import { isExact } from '../reading/tokenize.ts';
import type { Token } from '../reading/tokenize.ts';
import type { ReadingContext, Word } from '../reading/values.ts';
import { readValue, readWord } from '../reading/values.ts';
import { flagName } from './arguments.ts';
import type { Argument } from './arguments.ts';
import { takeBareValues } from './bare-values.ts';
import { argumentsOf, canChange, placeholderOf } from './declaration.ts';
import type { Command } from './declaration.ts';
import { assertFlagsFit, endOfFlags, flagParts, isFlag } from './flag-tokens.ts';
import type { Flags } from './flag-tokens.ts';

export interface ReadArguments {
  /** By declared name. Rooms given by alias are still aliases. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly reason: string | undefined;
  readonly dryRun: boolean;
  readonly overrideProtection: boolean;
  /** Milliseconds. */
  readonly forMs: number | undefined;
  /** The arguments that were left out, and that the surroundings have filled in. */
  readonly filledIn: readonly string[];
}

/** The most words that one argument takes: more users than this are a case for several messages. */
export const maxWords = 1000;
/** The longest reason, in characters: it is kept with every account that the command acts on. */
const maxReason = 1000;

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
  if (tokens.length > 2 * maxWords) {
    throw tooMany(tokens.length, 'one command', 2 * maxWords);
  }
  const declared = argumentsOf(command);
  const flags = new Map(
    Object.entries(declared)
      .filter(([, { place }]) => place === 'flag')
      .map(([key, argument]) => [flagName(key), { key, argument }] as const),
  );
  assertFlagsFit(tokens, flags, command.name);
  const parsed = structure(tokens, flags);
  const values: Record<string, unknown> = {};
  const isGiven = (key: string) => parsed.flags[flagName(key)] !== undefined;
  const bare = takeBareValues(declared, parsed.positionals, {
    context,
    isGiven,
    positionals: Object.values(declared).filter(({ place }) => place === 'positional').length,
  });
  const filledIn = readPositionals(declared, bare.rest, values, {
    context,
    isGiven: (key) => isGiven(key) || bare.values[key] !== undefined,
    takesReason: canChange(command),
  });
  for (const [name, { key, argument }] of flags) {
    values[key] =
      bare.values[key] ?? readFlag(name, argument, parsed.flags[name], parsed.word, context);
  }
  if (!canChange(command)) {
    return {
      values,
      reason: undefined,
      dryRun: false,
      overrideProtection: false,
      forMs: undefined,
      filledIn,
    };
  }
  const { reason, dryRun, overrideProtection, fromFile: _, ...rest } = values;
  if (typeof reason === 'string' && reason.length > maxReason) {
    throw new UsageError(
      `\`--reason\` is too long: it may have ${amount(maxReason, 'character')} at most.`,
      { word: '--reason' },
    );
  }
  // A command may have a `--for` of its own, with a meaning of its own.
  const { for: forMs, ...own } = command.timed === true ? rest : { ...rest, for: undefined };
  return {
    values: command.timed === true ? own : rest,
    forMs: forMs as number | undefined,
    reason: reason as string | undefined,
    dryRun: dryRun === true,
    overrideProtection: overrideProtection === true,
    filledIn,
  };
}

interface Structure {
  readonly positionals: readonly Word[];
  readonly flags: Readonly<Record<string, unknown>>;
  /** What people wrote where a placeholder stands. */
  readonly word: (placeholder: string) => Word;
}

/** Finds out what is a flag, what its value and what a positional. */
function structure(tokens: readonly Token[], flags: Flags): Structure {
  const names = (wanted: (argument: Argument) => boolean) =>
    [...flags].filter(([, { argument }]) => wanted(argument)).map(([name]) => name);
  const end = endOfFlags(tokens);
  // yargs-parser sees `value:3` for the third word, so that it never guesses about what people wrote.
  const words = tokens.map((token, at) => {
    if (at > end || !isFlag(token)) {
      const shape = at === end ? '--' : `value:${at}`;
      return { shape, text: token.text, exact: isExact(token) };
    }
    const { name, value } = flagParts(token);
    return value === undefined || flags.get(name)?.argument.kind === 'boolean'
      ? { shape: token.text, text: '', exact: false }
      : { shape: `--${name}=value:${at}`, text: value, exact: isExact(token) };
  });
  const word = (placeholder: string): Word =>
    words[Number(placeholder.slice('value:'.length))] ?? { text: '', exact: false };
  const {
    _: before,
    '--': after = [],
    ...values
  } = parser(
    words.map(({ shape }) => shape),
    {
      boolean: names(({ kind }) => kind === 'boolean'),
      string: names(({ kind }) => kind !== 'boolean'),
      array: names(({ options }) => options.many === true),
      configuration: {
        'boolean-negation': true,
        'camel-case-expansion': false,
        'dot-notation': false,
        'greedy-arrays': false,
        'parse-numbers': false,
        'parse-positional-numbers': false,
        'populate--': true,
        'short-option-groups': false,
      },
    },
  );
  return {
    positionals: [...before, ...(after as unknown[])].map((one) => word(String(one))),
    flags: values,
    word,
  };
}

/** Returns the arguments that were filled in. */
function readPositionals(
  declared: Readonly<Record<string, Argument>>,
  words: readonly Word[],
  values: Record<string, unknown>,
  how: {
    readonly context: ReadingContext;
    readonly isGiven: (flag: string) => boolean;
    readonly takesReason: boolean;
  },
): string[] {
  const { context, isGiven, takesReason } = how;
  const rest = [...words];
  const allFilledIn: string[] = [];
  for (const [key, argument] of Object.entries(declared)) {
    if (argument.place === 'flag') {
      continue;
    }
    const { many, optional = false, unless } = argument.options;
    const isReplaced = unless !== undefined && isGiven(unless);
    const mayMiss = optional || isReplaced;
    if (isReplaced && rest.length > 0) {
      throw new UsageError(
        `Give ${placeholderOf(key, argument)} or \`--${flagName(unless)}\`, not both.`,
      );
    }
    const filledIn = rest.length === 0 && !mayMiss ? context.fillIn?.(argument.kind) : undefined;
    if (filledIn !== undefined) {
      rest.push({ text: filledIn, exact: true });
      allFilledIn.push(key);
    }
    if (rest.length === 0) {
      if (!mayMiss) {
        throw new UsageError(`${capital(placeholderOf(key, argument))} is missing.`, {
          advice: argument.description,
        });
      }
      values[key] = many === true ? [] : undefined;
      continue;
    }
    const own = many === true ? rest.splice(0) : rest.splice(0, 1);
    if (own.length > maxWords) {
      throw tooMany(own.length, placeholderOf(key, argument), maxWords);
    }
    const read = own.map((word, at) => {
      try {
        return readWord(word, argument, context);
      } catch (error) {
        // Behind a first that can be read, a word that can't is likely to be meant as prose.
        throw error instanceof UsageError && at > 0 && takesReason
          ? withReasonAdvice(error)
          : error;
      }
    });
    values[key] = many === true ? [...new Set(read)] : read[0];
  }
  const [surplus] = rest;
  if (surplus !== undefined) {
    const search = openUserFlag(declared, isGiven);
    const error = new UsageError(`\`${cut(surplus.text)}\` is one word too many.`, {
      word: surplus.text,
      ...(search === undefined
        ? {}
        : { advice: `If it is a user, write \`--${search} ${cut(surplus.text)}\`.` }),
    });
    throw takesReason ? withReasonAdvice(error) : error;
  }
  return allFilledIn;
}

/** The flag by which a command that only reads can be asked about one user. */
function openUserFlag(
  declared: Readonly<Record<string, Argument>>,
  isGiven: (flag: string) => boolean,
): string | undefined {
  const [key] =
    Object.entries(declared).find(
      ([name, { kind, options }]) => kind === 'user' && options.bare === true && !isGiven(name),
    ) ?? [];
  return key === undefined ? undefined : flagName(key);
}

function withReasonAdvice({ message, word, advice }: UsageError): UsageError {
  return new UsageError(message, {
    ...(word === undefined ? {} : { word }),
    advice: [advice, 'If it is part of the reason, put the reason after `--reason`.']
      .filter((part) => part !== undefined)
      .join(' '),
  });
}

function readFlag(
  name: string,
  argument: Argument,
  found: unknown,
  word: (placeholder: string) => Word,
  context: ReadingContext,
): unknown {
  const { many, default: fallback } = argument.options;
  if (found === undefined) {
    if (many === true) {
      return [];
    }
    return argument.kind === 'date' && typeof fallback === 'string'
      ? readValue(fallback, argument, context)
      : fallback;
  }
  if (argument.kind === 'boolean') {
    return found === true || found === 'true';
  }
  const read = (value: unknown) => {
    try {
      return readWord(word(String(value)), argument, context);
    } catch (error) {
      throw error instanceof UsageError
        ? new UsageError(`\`--${name}\`: ${error.message}`, {
            ...(error.word === undefined ? {} : { word: error.word }),
            ...(error.advice === undefined ? {} : { advice: error.advice }),
          })
        : error;
    }
  };
  return Array.isArray(found) ? found.map(read) : read(found);
}

function tooMany(words: number, where: string, max: number): UsageError {
  return new UsageError(`${amount(words, 'word')} are too many for ${where}.`, {
    advice: `${amount(max, 'word')} at most: send the rest in another message.`,
  });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
