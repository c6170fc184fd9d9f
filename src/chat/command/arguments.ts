import { readDuration } from '../../core/duration.ts';
import type { Account } from '../../services/services.ts';
import type { ArgumentKind, ParsedValues } from '../reading/values.ts';

interface ArgumentOptions {
  /** A positional that may be left out. */
  readonly optional?: boolean;
  /** A flag that must be given. */
  readonly required?: true;
  /**
   * The last positional, of kind `text`: the rest of the line, which needs no quotes. After an argument that
   * takes several users, the text starts at the first word that is not a full ID or a link, and the last word
   * always belongs to it. Flags may be anywhere before `--`.
   */
  readonly rest?: true;
  /**
   * In a message, such a text is kept exactly as it was typed, with its quotes, dashes and line breaks. So flags come
   * before the other arguments. In lines of the configuration, quotes group words as everywhere.
   */
  readonly verbatim?: true;
  /**
   * A flag whose value may be typed without its name, if the value is unambiguous: `reports open`. Only for
   * commands that change nothing.
   */
  readonly bare?: true;
  /** What people call this flag, and what to write instead, in sentences. */
  readonly otherNames?: { readonly names: readonly string[]; readonly advice: string };
  /** What else to say if its value can’t be read, in sentences. */
  readonly ifWrong?: string;
  /** What else to do if it is missing, in sentences. Commands are written as `!name`. */
  readonly ifMissing?: string;
  /**
   * The flags, or the other positional, that stand for this positional: it or one of them is given, never both.
   * The other positional must be of kind `media`: only addresses of files can't be mistaken for anything else.
   */
  readonly unless?: readonly string[];
  /** A boolean flag that stands for `--matching` with this value. */
  readonly matching?: string;
  /**
   * The first positional: in a message about a report, it may be left out although others follow. Before a text, it
   * is left out unless the first word is a full ID or a link.
   */
  readonly implied?: true;
  /** Several may follow one another, or a flag may be repeated. */
  readonly many?: boolean;
  /** Accounts may also be users of other servers. */
  readonly remote?: true;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /**
   * Durations and dates are written as people write them; for a date `1d` is one day before the command
   * is read.
   */
  readonly default?: string | number | boolean;
  /** A date in the future: a duration is read as that long from now. */
  readonly ahead?: true;
  /** Personal data: viewers don't see it in pending confirmations. */
  readonly personal?: true;
  /** A positional whose words may begin with a dash, in a command without flags. */
  readonly dashes?: true;
  /** Stands for the value in usage lines. */
  readonly placeholder?: string;
}

/** One declared argument. `parsed` and `run` exist for types only. */
export interface Argument<ParsedValue = unknown, RunValue = unknown> {
  readonly place: 'positional' | 'flag';
  readonly kind: ArgumentKind;
  readonly description: string;
  readonly options: ArgumentOptions;
  /** The value if the argument is not given. A date's default is read with each command. */
  readonly fallback?: string | number | boolean | readonly never[] | undefined;
  readonly parsed?: ParsedValue;
  readonly run?: RunValue;
}

export type Arguments = Readonly<Record<string, Argument>>;

type One<Kind extends ArgumentKind, Options> = Options extends {
  choices: readonly (infer Choice)[];
}
  ? Choice
  : ParsedValues[Kind];
type RunOne<Kind extends ArgumentKind, Options> = Kind extends 'account'
  ? Account
  : One<Kind, Options>;

type Positional<Value, Options> = Options extends { many: true }
  ? Value[]
  : Options extends { optional: true } | { unless: unknown }
    ? Value | undefined
    : Value;

type Flag<Value, Options> = Options extends { many: true }
  ? Value[]
  : Options extends { default: unknown } | { required: true }
    ? Value
    : Value | undefined;

// A command sees one account at a time: the pipeline calls it for each.
type RunFlag<Kind extends ArgumentKind, Options> = Kind extends 'account'
  ? Account | undefined
  : Flag<RunOne<Kind, Options>, Options>;

type RunPositional<Kind extends ArgumentKind, Options> = Kind extends 'account'
  ? Options extends { optional: true } | { unless: unknown }
    ? Account | undefined
    : Account
  : Positional<RunOne<Kind, Options>, Options>;

/** The fallback of arguments that take several values. Frozen, since all of them share it. */
const noValues: readonly never[] = Object.freeze([]);

/** Declares an argument that is given by position. Positionals are read in the order of declaration. */
export function positional<Kind extends ArgumentKind, const Options extends ArgumentOptions>(
  kind: Kind,
  description: string,
  options?: Options,
): Argument<Positional<One<Kind, Options>, Options>, RunPositional<Kind, Options>> {
  return {
    place: 'positional',
    kind,
    description,
    options: options ?? {},
    fallback: options?.many === true ? noValues : undefined,
  };
}

/** Declares `--name`; the key `orderBy` is typed as `--order-by`. */
export function flag<Kind extends ArgumentKind, const Options extends ArgumentOptions>(
  kind: Kind,
  description: string,
  options?: Options,
): Argument<Flag<One<Kind, Options>, Options>, RunFlag<Kind, Options>> {
  const { default: fallback, many } = options ?? {};
  return {
    place: 'flag',
    kind,
    description,
    options: options ?? {},
    fallback: many === true ? noValues : kind === 'duration' ? durationOf(fallback) : fallback,
  };
}

/** @throws TypeError the declaration's default is not a duration */
function durationOf(fallback: ArgumentOptions['default']): number | undefined {
  const durationMs = typeof fallback === 'string' ? readDuration(fallback) : undefined;
  if (fallback !== undefined && durationMs === undefined) {
    throw new TypeError(`the default ${fallback} is not a duration`);
  }
  return durationMs;
}

/** The account that a command is about. */
export const userArgument = positional('account', 'The user', { placeholder: 'USER' });

/** The accounts that a command acts on, one after another. */
export const usersArgument = positional('account', 'One or more users', {
  many: true,
  placeholder: 'USER',
});

/** The room that a command is about. */
export const roomArgument = positional('room', 'The room');

/** The values as they were read and are stored with a confirmation. */
export type ParsedArguments<Declared extends Arguments> = {
  -readonly [Name in keyof Declared]: Declared[Name] extends Argument<infer Value> ? Value : never;
};

/** The values as a command gets them: accounts looked up, one at a time. */
export type RunArguments<Declared extends Arguments> = {
  readonly [Name in keyof Declared]: Declared[Name] extends Argument<unknown, infer Value>
    ? Value
    : never;
};

/** `orderBy` as it is typed: `order-by`. */
export function flagName(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
