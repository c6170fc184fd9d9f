import { cut, nearest } from '../../core/text.ts';
import { flagParts, isEndOfFlags, isFlag } from '../reading/tokenize.ts';
import type { Token } from '../reading/tokenize.ts';
import type { Argument } from './arguments.ts';

/** The flags of a command, by the name that is typed. */
type Flags = ReadonlyMap<string, { readonly argument: Pick<Argument, 'options'> }>;

/** The flag whose value is a list of flags of another command. */
const filterFlag = 'matching';

/** What people call the flags that many commands take. */
const otherNames: readonly {
  readonly flag: string;
  readonly names: readonly string[];
  readonly how: string;
}[] = [
  {
    flag: 'from-file',
    names: ['csv', 'file', 'list', 'users'],
    how: 'Send the command as a reply to the file.',
  },
  { flag: filterFlag, names: ['filter', 'filters', 'where'], how: 'It takes filters in quotes.' },
  { flag: 'at', names: ['date', 'on', 'schedule', 'time', 'when'], how: 'It takes a time.' },
  {
    flag: 'in',
    names: ['after', 'delay', 'later'],
    how: 'It takes a duration, such as `2h`.',
  },
  { flag: 'for', names: ['duration'], how: 'It takes a duration, such as `24h`.' },
];

/**
 * What to write instead of a flag that the command does not have.
 *
 * @param at where the flag stands
 */
export function adviceOnUnknownFlag(tokens: readonly Token[], at: number, flags: Flags): string {
  const token = tokens[at] as Token;
  const { name } = flagParts(token);
  const own = [...flags.values()].find(({ argument }) =>
    argument.options.otherNames?.names.includes(name),
  );
  if (own?.argument.options.otherNames !== undefined) {
    return own.argument.options.otherNames.advice;
  }
  const other = otherNames.find(({ flag, names }) => flags.has(flag) && names.includes(name));
  if (other !== undefined) {
    return `Did you mean \`--${other.flag}\`? ${other.how}`;
  }
  // With one dash, it may be a flag of the command.
  // Any two names of two letters are near each other: `--ip` is not `--in`.
  const others = [...flags.keys()].filter((key) => key.length > 2 || name.length > 2);
  const near = nearest(name, others);
  const guess = near ?? (flags.has(name) ? name : undefined);
  if (guess !== undefined) {
    return `Did you mean \`--${guess}\`?`;
  }
  const before = tokens.slice(0, at).findLastIndex((one) => isFlagOf(one, flags));
  return before !== -1 && flagParts(tokens[before] as Token).name === filterFlag
    ? quoteFilters(tokens, before, flags)
    : quotingAdvice(token);
}

/**
 * What to write if the value of a flag looks like a flag; undefined if the value may have been forgotten.
 *
 * @param at where the flag stands
 */
export function adviceOnMissingValue(
  tokens: readonly Token[],
  at: number,
  flags: Flags,
): string | undefined {
  const next = tokens[at + 1];
  if (next === undefined || isEndOfFlags(next) || isFlagOf(next, flags)) {
    return undefined;
  }
  return flagParts(tokens[at] as Token).name === filterFlag
    ? quoteFilters(tokens, at, flags)
    : quotingAdvice(next);
}

function isFlagOf(token: Token, flags: Flags): boolean {
  return isFlag(token) && flags.has(flagParts(token).name);
}

/** Tokens and names may begin with a dash. */
function quotingAdvice({ text }: Token): string {
  return `If it is a value, put it in quotes: \`"${cut(text)}"\`.`;
}

/** `Put all filters in one pair of quotes: --matching "spam* --created-after 1h".` */
function quoteFilters(tokens: readonly Token[], at: number, flags: Flags): string {
  const { value } = flagParts(tokens[at] as Token);
  const following = tokens.slice(at + 1);
  const end = following.findIndex((token) => isFlagOf(token, flags));
  const words = following
    .slice(0, end === -1 ? following.length : end)
    .map(({ text }) => (/\s/u.test(text) ? `'${text}'` : text));
  const filters = [...(value === undefined ? [] : [value]), ...words].join(' ');
  return `Put all filters in one pair of quotes: \`--${filterFlag} "${cut(filters)}"\`.`;
}
