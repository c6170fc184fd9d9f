import { durationMeant } from '../../core/duration.ts';
import { UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import { flagParts, isEndOfFlags, isExact, isFlag } from '../reading/tokenize.ts';
import type { Token } from '../reading/tokenize.ts';
import { readReference } from '../reading/values.ts';
import type { Word } from '../reading/values.ts';
import type { Argument } from './arguments.ts';
import { adviceOnMissingValue, adviceOnUnknownFlag } from './flag-advice.ts';

/** The declared flags, by the name that is typed. */
type Flags = ReadonlyMap<string, { key: string; argument: Argument }>;

/** A command line, with its flags separated from its other words. */
export interface ParsedFlags {
  /** The words that are neither flags nor values of flags. */
  readonly words: readonly Word[];
  /** What was given for each flag, by the name that is typed: booleans for boolean flags. */
  readonly given: ReadonlyMap<string, readonly (boolean | Word)[]>;
}

/**
 * Separates the flags from the other words. Where a lenient parser would guess, this one asks.
 *
 * @param command with its prefix, for error messages
 * @param userIdOf the full ID of the user that a word may mean; undefined if the command takes no users
 * @throws UsageError an unknown flag, a missing or surplus value, a flag given twice
 */
export function parseFlags(
  tokens: readonly Token[],
  flags: Flags,
  command: string,
  userIdOf: (word: string) => string | undefined = () => undefined,
): ParsedFlags {
  const words: Word[] = [];
  const given = new Map<string, (boolean | Word)[]>();
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] as Token;
    if (isEndOfFlags(token)) {
      words.push(...tokens.slice(at + 1).map(wordOf));
      break;
    }
    if (!isFlag(token)) {
      words.push(wordOf(token));
      continue;
    }
    const { name, key, value, isNegation, argument } = readFlag(tokens, at, flags, command);
    const values = given.get(key);
    if (values !== undefined && argument.options.many !== true) {
      throw new UsageError(`\`--${key}\` was given twice.`, { word: token.text, argument: key });
    }
    let read: boolean | Word;
    if (argument.kind === 'boolean') {
      // `--no-erase=false` says two things at once.
      if (value !== undefined && (isNegation || (value !== 'true' && value !== 'false'))) {
        throw new UsageError(`\`--${key}\` takes no value.`, {
          word: token.text,
          advice: `Write \`--${key}\` or \`--no-${key}\`.`,
        });
      }
      read = value === undefined ? !isNegation : value === 'true';
    } else if (isNegation) {
      throw new UsageError(`\`--${key}\` needs a value, so \`--${name}\` has no meaning.`, {
        word: token.text,
      });
    } else if (value === undefined) {
      read = nextValue(tokens, at, { key, argument, flags, userIdOf });
      at += 1;
    } else {
      read = { text: value, exact: isExact(token) };
    }
    given.set(key, [...(values ?? []), read]);
  }
  return { words, given };
}

function wordOf(token: Token): Word {
  return { text: token.text, exact: isExact(token) };
}

/**
 * @returns `name` as it was typed; `key` without the `no-` of a negation
 * @throws UsageError there is no such flag
 */
function readFlag(tokens: readonly Token[], at: number, flags: Flags, command: string) {
  const token = tokens[at] as Token;
  const { name, value } = flagParts(token);
  const isNegation = name.startsWith('no-') && !flags.has(name);
  const key = isNegation ? name.slice('no-'.length) : name;
  const argument = flags.get(key)?.argument;
  if (argument === undefined || !token.text.startsWith('--')) {
    const typed = token.text.split('=', 1)[0] ?? '';
    throw new UsageError(`\`${command}\` has no flag \`${cut(typed)}\`.`, {
      word: typed,
      advice: adviceOnUnknownFlag(tokens, at, flags),
    });
  }
  return { name, key, value, isNegation, argument };
}

/** The value in the word after a flag. */
function nextValue(
  tokens: readonly Token[],
  at: number,
  {
    key,
    argument,
    flags,
    userIdOf,
  }: {
    readonly key: string;
    readonly argument: Argument;
    readonly flags: Flags;
    readonly userIdOf: (word: string) => string | undefined;
  },
): Word {
  const { kind } = argument;
  const next = tokens[at + 1];
  if (next === undefined || isFlag(next)) {
    throw new UsageError(`\`--${key}\` needs a value.`, {
      word: tokens[at]?.text,
      argument: key,
      advice: adviceOnMissingValue(tokens, at, flags),
    });
  }
  if (kind === 'duration' || kind === 'date') {
    assertOneWord(key, argument, next, tokens.slice(at + 2));
  }
  if (kind === 'text') {
    assertQuoted(key, next, tokens.slice(at + 2), userIdOf);
  }
  return wordOf(next);
}

/** `Europe/Berlin` */
const zoneName = /^[A-Z][\w+-]*\/[\w+/-]+$/u;

/**
 * In `--in 1 minute` or `--at 22:00 UTC`, the second word would become a target.
 *
 * @throws UsageError the second word belongs to the duration or the time
 */
function assertOneWord(
  key: string,
  { kind, options }: Argument,
  value: Token,
  [second, third]: readonly Token[],
): void {
  // Quotes say where the value ends.
  if (second === undefined || second.quoted || value.quoted) {
    return;
  }
  const both = `${value.text} ${second.text}`;
  const duration = durationMeant(both);
  const isTime =
    /^\d{4}-\d\d-\d\d \d{1,2}:\d\d\S*$|\d:\d\d(?::\d\d)? (?:z|utc|[+-]\d\d:\d\d)$/iu.test(both);
  if (duration !== undefined || isTime) {
    const hasZone = third !== undefined && !third.quoted && zoneName.test(third.text);
    const whole = hasZone ? `${both} ${third.text}` : both;
    throw new UsageError(`\`--${key}\` takes one word, not \`${cut(whole)}\`.`, {
      word: second.text,
      argument: key,
      advice:
        duration !== undefined
          ? `Write \`--${key} ${duration}\`.`
          : kind === 'duration' && options.ifWrong !== undefined
            ? options.ifWrong
            : `Put the whole time in quotes: \`--${key} "${cut(whole)}"\`.`,
    });
  }
}

/**
 * In `--reason spam links` the word `links` would become a target. Words that can only belong to the sentence
 * are refused, also after `--`; full IDs and links may follow.
 */
function assertQuoted(
  key: string,
  value: Token,
  following: readonly Token[],
  userIdOf: (word: string) => string | undefined,
): void {
  if (value.quoted) {
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
    const user = userIdOf(stray.text);
    throw new UsageError(`\`${word}\` follows \`--${key}\` without quotes.`, {
      word: stray.text,
      advice: [
        `Put the words in quotes: \`--${key} "${cut(value.text)} ${word} …"\`.`,
        ...(user === undefined ? [] : [`If it is a user, write \`${cut(user)}\`.`]),
      ].join(' '),
    });
  }
}
