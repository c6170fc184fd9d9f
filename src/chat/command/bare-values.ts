import { readReference, readWord, textFor } from '../reading/values.ts';
import type { ReadingContext, Word } from '../reading/values.ts';
import type { Argument } from './arguments.ts';
import { flagName } from './arguments.ts';

/** Values of flags that were typed without their names. */
interface BareValues {
  /** By declared name. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The other words. */
  readonly rest: readonly Word[];
}

/**
 * Takes the words that are unambiguously values of flags that need no name: `open`, `7d`,
 * `@mallory:example.com`. Words that are left and that no positional takes become the search text, if the
 * command has a search flag. Only for commands that change nothing.
 */
export function takeBareValues(
  declared: Readonly<Record<string, Argument>>,
  words: readonly Word[],
  how: {
    readonly context: ReadingContext;
    readonly isGiven: (key: string) => boolean;
  },
): BareValues {
  const { context, isGiven } = how;
  const open = new Map(
    Object.entries(declared).filter(([key, { options }]) => options.bare === true && !isGiven(key)),
  );
  const values: Record<string, unknown> = {};
  const rest = words.filter((word) => {
    const [key, argument] =
      [...open].find(([name, one]) => isValueOf(textFor(word, one.kind), name, one)) ?? [];
    if (key === undefined || argument === undefined) {
      return true;
    }
    open.delete(key);
    values[key] = argument.kind === 'boolean' ? true : readWord(word, argument, context);
    return false;
  });
  const positionals = Object.values(declared).filter(({ place }) => place === 'positional').length;
  const [search] = [...open].find(([, { kind }]) => kind === 'text') ?? [];
  if (search !== undefined && rest.length > positionals) {
    values[search] = rest
      .splice(positionals)
      .map(({ text }) => text)
      .join(' ');
  }
  return { values, rest };
}

/** Whether a word can only be a value of this flag. */
function isValueOf(word: string, key: string, { kind, options }: Argument): boolean {
  switch (kind) {
    case 'choice':
      return options.choices?.includes(word.toLowerCase()) === true;
    case 'boolean':
      return word.toLowerCase() === flagName(key);
    case 'duration':
    case 'date':
      return /^\d+[smhdw]$/iu.test(word);
    case 'user':
      return word.startsWith('@') || readReference(word)?.kind === 'user';
    case 'room':
      return readReference(word)?.kind === 'room';
    case 'target':
      return word.startsWith('@') || /^(?:user|room)$/u.test(readReference(word)?.kind ?? '');
    case 'account':
    case 'identity':
    case 'event':
    case 'media':
    case 'item':
    case 'integer':
    case 'text':
    case 'word':
      return false;
  }
}
