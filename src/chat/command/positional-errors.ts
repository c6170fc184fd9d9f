import { UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import { amount } from '../answers/phrases.ts';
import type { ReadingContext, Word } from '../reading/values.ts';
import { flagName } from './arguments.ts';
import type { Argument } from './arguments.ts';
import { placeholderOf, withPrefix } from './properties.ts';

/** What reading the words of a command needs. */
export interface PositionalOptions {
  readonly context: ReadingContext;
  /** With its prefix, for error messages. */
  readonly command: string;
  readonly isGiven: (flag: string) => boolean;
  readonly takesReason: boolean;
}

/** A word is missing: says which. */
export function missing(
  key: string,
  argument: Argument,
  declared: Readonly<Record<string, Argument>>,
  { context: { prefix }, takesReason }: PositionalOptions,
): UsageError {
  if (['account', 'user', 'identity'].includes(argument.kind)) {
    const isBatch = argument.kind === 'account' && argument.options.many === true && takesReason;
    const orFile =
      argument.options.unless?.some((name) => declared[name]?.place === 'positional') === true;
    return new UsageError(orFile ? 'Which user or file?' : 'Which user?', {
      advice: [
        orFile
          ? 'Give `@name:server`, a name, or `mxc://server/id`.'
          : 'Give `@name:server` or a name.',
        ...(isBatch
          ? [`For many, \`--matching\` or \`--from-file\`: see \`${prefix}help matching\`.`]
          : []),
      ].join(' '),
    });
  }
  if (argument.kind === 'room') {
    const { ifMissing } = argument.options;
    return new UsageError('Which room?', {
      advice: [
        'Give a room ID (`!…`), an alias (`#name:server`) or a link.',
        ...(ifMissing === undefined ? [] : [withPrefix(ifMissing, prefix)]),
      ].join(' '),
    });
  }
  if (argument.kind === 'target') {
    return new UsageError('Which user or room?', {
      advice: 'Give `@name:server`, a name, a room ID (`!…`) or an alias (`#name:server`).',
    });
  }
  if (argument.kind === 'item') {
    return new UsageError('Which report?', { advice: 'Give its number, which its card shows.' });
  }
  return new UsageError(`${placeholderOf(key, argument)} is missing.`, {
    advice: `${argument.description}.`,
  });
}

/** Whether a word is a flag that is not given, without its dashes. */
export function namesFlag(
  { text }: Word,
  declared: Readonly<Record<string, Argument>>,
  { isGiven }: Pick<PositionalOptions, 'isGiven'>,
): boolean {
  return Object.entries(declared).some(
    ([key, { place }]) => place === 'flag' && flagName(key) === text && !isGiven(key),
  );
}

/** A word is surplus: says what may be meant by it. */
export function unexpected(
  words: readonly Word[],
  at: number,
  declared: Readonly<Record<string, Argument>>,
  options: PositionalOptions,
): UsageError {
  const { command, isGiven, takesReason } = options;
  const { text } = words[at] as Word;
  // A flag without its dashes may have been read as a positional, before its value.
  const flagWord = words
    .slice(Math.max(0, at - 1), at + 1)
    .find((word) => namesFlag(word, declared, options));
  const search = openUserFlag(declared, isGiven);
  const takesNone = Object.values(declared).every(({ place }) => place === 'flag');
  const error = new UsageError(`Unexpected word: \`${cut(text)}\`.`, {
    word: text,
    advice:
      flagWord !== undefined
        ? `Did you mean the flag \`--${flagWord.text}\`?`
        : search !== undefined
          ? `If it is a user, write \`--${search} ${cut(text)}\`.`
          : takesNone
            ? `\`${command}\` takes no such argument.`
            : undefined,
  });
  return takesReason ? withReasonAdvice(error) : error;
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

/** The same error, for a command whose reason may have been typed without its flag. */
export function withReasonAdvice({ message, word, advice }: UsageError): UsageError {
  return new UsageError(message, {
    word,
    advice: [advice, 'If it is part of the reason, write `--reason "…"`.']
      .filter((part) => part !== undefined)
      .join(' '),
  });
}

/** An argument, or a command, has more words than it may have. */
export function tooMany(words: number, where: string, max: number): UsageError {
  return new UsageError(`${where} can’t have ${amount(words, 'word')}.`, {
    advice: `The limit is ${amount(max, 'word')}. Send the rest in another message.`,
  });
}
