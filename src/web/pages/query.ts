import type { ArgumentKind, ParsedValues, ReadingContext } from '../../chat/reading/values.ts';
import { readValue } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';

/** IDs have at most 255 characters. */
const maxLength = 300;

/** The parameters of an address. Values are read as the flags of commands are. */
export interface Query {
  /** As it was typed; empty if it is missing. */
  text(name: string): string;
  /** @throws UsageError it can't be read as this kind */
  read<Kind extends ArgumentKind>(name: string, kind: Kind): ParsedValues[Kind] | undefined;
  /** @throws UsageError it is not one of these */
  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined;
  /** Positive numbers with dots between them, as `12.7`: a position in a list. */
  position(name: string, length: number): readonly number[] | undefined;
}

export function createQuery(parameters: URLSearchParams, context: ReadingContext): Query {
  const text = (name: string) => (parameters.get(name) ?? '').trim().slice(0, maxLength);
  return {
    text,
    read(name, kind) {
      const word = text(name);
      if (word === '') {
        return undefined;
      }
      const value = readValue(word, { place: 'flag', kind, options: {} }, context);
      if (kind === 'target' && typeof value === 'string' && value.startsWith('#')) {
        throw new UsageError('The page can’t look up aliases.', {
          word,
          advice: 'Give the ID of the room, which starts with `!`.',
        });
      }
      return value as ParsedValues[typeof kind];
    },
    choice(name, choices) {
      const word = text(name);
      if (word === '') {
        return undefined;
      }
      const found = choices.find((choice) => choice === word);
      if (found === undefined) {
        throw new UsageError(`\`${name}\` is none of ${choices.join(', ')}.`, { word });
      }
      return found;
    },
    position(name, length) {
      const numbers = text(name).split('.');
      return numbers.length === length && numbers.every((number) => /^\d{1,15}$/u.test(number))
        ? numbers.map(Number)
        : undefined;
    },
  };
}

/** What is wrong with the filters. */
export interface Fault {
  readonly text: string;
  /** The value that is wrong, or the name of a flag with it, as `--text`. */
  readonly word: string | undefined;
}

/** The result of reading filters, or what is wrong with them. */
export function reading<Filter>(
  read: () => Filter,
):
  | { readonly filter: Filter; readonly fault?: never }
  | { readonly filter?: never; readonly fault: Fault } {
  try {
    return { filter: read() };
  } catch (error) {
    if (error instanceof UsageError) {
      const { message, advice, word } = error;
      return {
        fault: { text: [message, advice].filter(Boolean).join(' ').replaceAll('`', ''), word },
      };
    }
    throw error;
  }
}
