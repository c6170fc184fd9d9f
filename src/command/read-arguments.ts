import parser from 'yargs-parser';

import { UsageError } from '../errors.ts';
import type { RoomAlias, RoomId } from '../ids.ts';
import { cut } from './answer.ts';
import { flagName } from './arguments.ts';
import type { Argument } from './arguments.ts';
import { flag } from './arguments.ts';
import { canChange, subjectOf } from './declaration.ts';
import type { Command } from './declaration.ts';
import { readDuration } from './duration.ts';
import { readReference, readUser } from './references.ts';
import { nearest } from './registry.ts';
import type { Token } from './tokenize.ts';

/** What reading needs to know of its surroundings. */
export interface ReadingContext {
  readonly serverName: string;
  readonly now: number;
  readonly prefix: string;
}

export interface ReadArguments {
  /** By declared name. Rooms given by alias are still aliases. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly reason: string | undefined;
  readonly dryRun: boolean;
  readonly overrideProtection: boolean;
}

/** Flags of every command that changes something. */
const commonFlags = {
  reason: flag('text', 'Why; kept in the audit log'),
  dryRun: flag('boolean', 'Say what would happen, and do nothing', { default: false }),
} as const;

/** Flags of what acts on accounts. */
const protectionFlags = {
  overrideProtection: flag('boolean', 'Do it to a protected account too; critical', {
    default: false,
  }),
} as const;

/** Flags of what acts on several accounts. */
const batchFlags = {
  fromFile: flag('boolean', 'Also those in the text file that the message replies to', {
    default: false,
  }),
} as const;

/** Whether users may be read from a file for this command. */
export function takesFile(command: Command): boolean {
  const subject = command.args[subjectOf(command) ?? ''];
  return canChange(command) && subject?.options.many === true;
}

/** All that may be given to a command, its own arguments and those of every changing command. */
export function argumentsOf(command: Command): Readonly<Record<string, Argument>> {
  return canChange(command)
    ? {
        ...command.args,
        ...(takesFile(command) ? batchFlags : {}),
        ...commonFlags,
        ...(subjectOf(command) !== undefined && command.protects !== false ? protectionFlags : {}),
      }
    : command.args;
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
  const declared = argumentsOf(command);
  const flags = new Map(
    Object.entries(declared)
      .filter(([, { place }]) => place === 'flag')
      .map(([key, argument]) => [flagName(key), { key, argument }] as const),
  );
  refuseOddFlags(tokens, flags, command.name);
  const parsed = structure(tokens, flags);
  const values: Record<string, unknown> = {};
  readPositionals(declared, parsed.positionals, values, context);
  for (const [name, { key, argument }] of flags) {
    values[key] = readFlag(name, argument, parsed.flags[name], parsed.text, context);
  }
  if (!canChange(command)) {
    return { values, reason: undefined, dryRun: false, overrideProtection: false };
  }
  const { reason, dryRun, overrideProtection, fromFile: _, ...own } = values;
  return {
    values: own,
    reason: reason as string | undefined,
    dryRun: dryRun === true,
    overrideProtection: overrideProtection === true,
  };
}

type Flags = ReadonlyMap<string, { key: string; argument: Argument }>;

function isFlag(token: Token): boolean {
  return !token.quoted && token.text.startsWith('-') && token.text !== '-';
}

function flagParts(token: Token): { name: string; value: string | undefined; negated: boolean } {
  const match = /^--?([^=]+)(?:=([\s\S]*))?$/u.exec(token.text);
  const name = match?.[1] ?? '';
  return { name, value: match?.[2], negated: name.startsWith('no-') };
}

function isEndOfFlags({ text, quoted }: Token): boolean {
  return text === '--' && !quoted;
}

/** Where the flags end: behind it, everything is a value. */
function endOfFlags(tokens: readonly Token[]): number {
  const end = tokens.findIndex(isEndOfFlags);
  return end === -1 ? tokens.length : end;
}

/** What a lenient reader would guess about, this one asks about. */
function refuseOddFlags(tokens: readonly Token[], flags: Flags, command: string): void {
  const end = endOfFlags(tokens);
  const seen = new Set<string>();
  for (const [at, token] of tokens.slice(0, end).entries()) {
    if (!isFlag(token)) {
      continue;
    }
    const { name, value, negated } = flagParts(token);
    const positive = negated && !flags.has(name) ? name.slice('no-'.length) : name;
    const known = flags.get(positive);
    if (known === undefined || !token.text.startsWith('--')) {
      const typed = token.text.split('=', 1)[0] ?? '';
      const guess = nearest(name, [...flags.keys()]) ?? (flags.has(name) ? name : undefined);
      throw new UsageError(`\`${cut(typed)}\` is no flag of ${command}.`, {
        word: typed,
        ...(guess === undefined ? {} : { advice: `Did you mean \`--${guess}\`?` }),
      });
    }
    const { kind, options } = known.argument;
    const isNegation = positive !== name;
    if (seen.has(positive) && options.many !== true) {
      throw new UsageError(`\`--${positive}\` was given twice.`, { word: token.text });
    }
    seen.add(positive);
    if (kind === 'boolean') {
      // `--no-erase=false` says two things at once.
      if (value !== undefined && (isNegation || (value !== 'true' && value !== 'false'))) {
        throw new UsageError(`\`--${positive}\` takes no value.`, {
          word: token.text,
          advice: `Write \`--${positive}\` or \`--no-${positive}\`.`,
        });
      }
      continue;
    }
    const next = tokens[at + 1];
    if (isNegation) {
      throw new UsageError(`\`--${positive}\` needs a value, so \`--${name}\` says nothing.`, {
        word: token.text,
      });
    }
    if (value === undefined && (next === undefined || isFlag(next) || at + 1 === end)) {
      throw new UsageError(`\`--${positive}\` needs a value.`, { word: token.text });
    }
    if (kind === 'text' && value === undefined) {
      refuseUnquotedWords(positive, next, tokens.slice(at + 2));
    }
  }
}

/**
 * `--reason spam links` would make `links` a target. Words that can only be part of the sentence are
 * refused, also behind its dash; full IDs and links may follow.
 */
function refuseUnquotedWords(
  name: string,
  value: Token | undefined,
  following: readonly Token[],
): void {
  if (value?.quoted !== false) {
    return;
  }
  const end = following.findIndex((token) => isFlag(token) && !isEndOfFlags(token));
  const stray = following
    .slice(0, end === -1 ? following.length : end)
    .find(
      (token) => !token.quoted && !isEndOfFlags(token) && readReference(token.text) === undefined,
    );
  if (stray !== undefined) {
    const word = cut(stray.text);
    throw new UsageError(`\`${word}\` follows \`--${name}\` without quotes.`, {
      word: stray.text,
      advice: `Put the words in quotes: \`--${name} "${cut(value.text)} ${word} …"\`.`,
    });
  }
}

interface Structure {
  readonly positionals: readonly string[];
  readonly flags: Readonly<Record<string, unknown>>;
  /** What people wrote where a placeholder stands. */
  readonly text: (placeholder: string) => string;
}

/** Finds out what is a flag, what its value and what a positional. */
function structure(tokens: readonly Token[], flags: Flags): Structure {
  const names = (wanted: (argument: Argument) => boolean) =>
    [...flags].filter(([, { argument }]) => wanted(argument)).map(([name]) => name);
  const end = endOfFlags(tokens);
  // yargs-parser sees `value:3` for the third word, so that it never guesses about what people wrote.
  const words = tokens.map((token, at) => {
    if (at > end || !isFlag(token)) {
      return { shape: at === end ? '--' : `value:${at}`, text: token.text };
    }
    const { name, value } = flagParts(token);
    return value === undefined || flags.get(name)?.argument.kind === 'boolean'
      ? { shape: token.text, text: '' }
      : { shape: `--${name}=value:${at}`, text: value };
  });
  const text = (placeholder: string) =>
    words[Number(placeholder.slice('value:'.length))]?.text ?? '';
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
    positionals: [...before, ...(after as unknown[])].map((word) => text(String(word))),
    flags: values,
    text,
  };
}

function readPositionals(
  declared: Readonly<Record<string, Argument>>,
  words: readonly string[],
  values: Record<string, unknown>,
  context: ReadingContext,
): void {
  const rest = [...words];
  for (const [key, argument] of Object.entries(declared)) {
    if (argument.place === 'flag') {
      continue;
    }
    const { many, optional } = argument.options;
    if (rest.length === 0) {
      if (optional !== true) {
        throw new UsageError(`${capital(placeholderOf(key, argument))} is missing.`, {
          advice: argument.description,
        });
      }
      values[key] = many === true ? [] : undefined;
      continue;
    }
    const own = many === true ? rest.splice(0) : rest.splice(0, 1);
    const read = own.map((word) => readValue(word, argument, context));
    values[key] = many === true ? [...new Set(read)] : read[0];
  }
  const [surplus] = rest;
  if (surplus !== undefined) {
    throw new UsageError(`\`${cut(surplus)}\` is one word too many.`, { word: surplus });
  }
}

function readFlag(
  name: string,
  argument: Argument,
  found: unknown,
  text: (value: string) => string,
  context: ReadingContext,
): unknown {
  const { many, default: fallback } = argument.options;
  if (found === undefined) {
    return many === true ? [] : fallback;
  }
  if (argument.kind === 'boolean') {
    return found === true || found === 'true';
  }
  const read = (value: unknown) => {
    try {
      return readValue(text(String(value)), argument, context);
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

function wrong(word: string, what: string, advice: string): UsageError {
  return new UsageError(`\`${cut(word)}\` is ${what}.`, { word, advice });
}

/** Reads one word as the kind that was declared. */
function readValue(word: string, argument: Argument, context: ReadingContext): unknown {
  const { choices, min = 0, max = Number.MAX_SAFE_INTEGER } = argument.options;
  switch (argument.kind) {
    case 'account':
    case 'user': {
      const user = readUser(word, context.serverName);
      if (user === undefined) {
        throw wrong(
          word,
          'no user',
          `Write \`@name:server\`, a link to the user, or a bare name of ${context.serverName}.`,
        );
      }
      return user;
    }
    case 'room':
      return readRoom(word);
    case 'event': {
      const reference = readReference(word);
      if (reference?.kind !== 'event') {
        throw wrong(word, 'no link to a message', 'Copy it from the message in your client.');
      }
      return { room: reference.room, event: reference.event };
    }
    case 'integer': {
      const number = /^\d{1,15}$/u.test(word) ? Number(word) : Number.NaN;
      if (Number.isNaN(number) || number < min || number > max) {
        const range = argument.options.max === undefined ? `${min} or more` : `${min} to ${max}`;
        throw wrong(word, 'no fitting number', `Write a whole number, ${range}.`);
      }
      return number;
    }
    case 'choice': {
      const choice = choices?.find((name) => name === word.toLowerCase());
      if (choice === undefined) {
        const guess = nearest(word.toLowerCase(), choices ?? []);
        throw wrong(
          word,
          'not possible here',
          `${guess === undefined ? '' : `Did you mean \`${guess}\`? `}One of: ${choices?.join(', ') ?? ''}.`,
        );
      }
      return choice;
    }
    case 'duration': {
      const durationMs = readDuration(word);
      if (durationMs === undefined) {
        throw wrong(word, 'no duration', 'Write it as `30s`, `5m`, `1h`, `7d` or `2w`.');
      }
      return durationMs;
    }
    case 'date':
      return readDate(word, context.now);
    case 'word':
      if (word === '' || /\s/u.test(word)) {
        throw wrong(word, 'not a single word', 'It may hold no blanks.');
      }
      return word;
    case 'text':
    case 'boolean':
      return word;
  }
}

function readRoom(word: string): RoomId | RoomAlias {
  const reference = readReference(word);
  if (reference?.kind !== 'room') {
    throw wrong(word, 'no room', 'Write a room ID (`!…`), an alias (`#name:server`) or a link.');
  }
  return reference.room;
}

const datePattern = /^(\d{4}-\d\d-(\d\d))(T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/u;

/** The last that is written with four digits for the year. */
const lastDate = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

function readDate(word: string, now: number): number {
  const durationMs = readDuration(word);
  if (durationMs !== undefined) {
    return Math.max(0, now - durationMs);
  }
  const [, day, dayOfMonth, time, zone] = datePattern.exec(word) ?? [];
  // JavaScript takes the 30th of February for the 2nd of March.
  const isDay = day !== undefined && new Date(day).getUTCDate() === Number(dayOfMonth);
  const date = isDay
    ? Date.parse(time === undefined || zone !== undefined ? word : `${word}Z`)
    : -1;
  if (Number.isNaN(date) || date < 0 || date > lastDate) {
    throw wrong(
      word,
      'no date',
      'Write `2026-11-21`, `2026-11-21T18:40Z`, or how long ago, such as `7d`.',
    );
  }
  return date;
}

/** A word that stands for an argument's value in usage lines. */
export function placeholderOf(key: string, argument: Argument): string {
  return (
    argument.options.placeholder ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter}`)
  ).toUpperCase();
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
