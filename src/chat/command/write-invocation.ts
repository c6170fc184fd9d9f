import { writeDuration } from '../../core/duration.ts';
import { cut } from '../../core/text.ts';
import { quote } from '../reading/tokenize.ts';
import { idWord, matrixToLink } from '../reading/values.ts';
import { flagName } from './arguments.ts';
import type { Command } from './declaration.ts';
import type { Invocation, Json } from './invocation.ts';
import { isVerbatim } from './properties.ts';

type Written = Pick<
  Invocation,
  'arguments' | 'reason' | 'on' | 'dryRun' | 'overrideProtection' | 'forMs' | 'notBefore'
>;

/** Writes an invocation as a command line, without the prefix, that is read as the same invocation. */
export function writeInvocation(command: Command, invocation: Written): string {
  const { positionals, flags } = wordsOf(command, invocation);
  return isVerbatim(command)
    ? verbatimLine(command, positionals, flags)
    : [command.name, ...positionals, ...flags].join(' ');
}

/** A command line that ends with a text as it is. @param words in front of the text, which is the last of them */
export function verbatimLine(
  { name }: Pick<Command, 'name'>,
  words: readonly string[],
  flags: readonly string[],
): string {
  // Some word of the text may be a flag.
  const end = /(?:^|\s)[-–—―]/u.test(words.at(-1) ?? '') ? ['--'] : [];
  return [name, ...flags, ...end, ...words].join(' ');
}

/** At most this many positional values are shown. */
const maxNamed = 3;
/** Values beyond this length are left out, and so are flags. */
const maxWordsLength = 100;

/**
 * Writes an invocation for people to read, not to send again: `lock @a:x @b:x @c:x and 27 more
 * --reason=spam`. Long text is cut; other values are whole or left out. The time at which it runs is left
 * out, too.
 */
export function shortLine(command: Command, written: Written): string {
  const { notBefore: _, ...invocation } = written;
  const { reason } = invocation;
  const texts = Object.entries(invocation.arguments).map(([key, value]) => [
    key,
    command.args[key]?.kind === 'text' && typeof value === 'string' ? cut(value) : value,
  ]);
  const { positionals, flags } = wordsOf(command, {
    ...invocation,
    arguments: Object.fromEntries(texts) as Written['arguments'],
    ...(reason === undefined ? {} : { reason: cut(reason) }),
  });
  const named = fitting(positionals.slice(0, maxNamed));
  const given = fitting(flags);
  const others = positionals.length - named.length;
  return [
    command.name,
    ...named,
    ...(others === 0 ? [] : [`and ${others} more`]),
    ...given,
    ...(given.length === flags.length ? [] : ['…']),
  ].join(' ');
}

/** The first words that are not too long together, but at least one. */
function fitting(words: readonly string[]): string[] {
  let length = 0;
  return words.filter((word, at) => {
    length += word.length + 1;
    return at === 0 || length <= maxWordsLength;
  });
}

function wordsOf(
  command: Command,
  invocation: Written,
): { readonly positionals: readonly string[]; readonly flags: readonly string[] } {
  const positionals: string[] = [];
  const flags: string[] = [];
  for (const [key, argument] of Object.entries(command.args)) {
    const value = invocation.arguments[key];
    const values =
      value === undefined || value === null
        ? []
        : Array.isArray(value)
          ? (value as Json[])
          : [value];
    for (const one of values) {
      if (argument.place === 'positional') {
        positionals.push(
          argument.options.verbatim === true
            ? writeValue(argument.kind, one)
            : writeWord(argument.kind, one),
        );
      } else if (argument.kind === 'boolean') {
        if (one !== argument.fallback) {
          flags.push(`--${one === true ? '' : 'no-'}${flagName(key)}`);
        }
      } else if (one !== argument.fallback) {
        flags.push(`--${flagName(key)}=${writeWord(argument.kind, one)}`);
      }
    }
  }
  if (invocation.on !== undefined) {
    flags.push(`--on=${invocation.on}`);
  }
  if (invocation.reason !== undefined) {
    flags.push(`--reason=${quote(invocation.reason)}`);
  }
  if (invocation.notBefore !== undefined) {
    flags.push(`--at=${writeValue('date', invocation.notBefore)}`);
  }
  if (invocation.forMs !== undefined) {
    flags.push(`--for=${writeDuration(invocation.forMs)}`);
  }
  if (invocation.overrideProtection === true) {
    flags.push('--override-protection');
  }
  if (invocation.dryRun) {
    flags.push('--dry-run');
  }
  return { positionals, flags };
}

/** The invocation without arguments that hold personal data. */
export function withoutPersonal(command: Command | undefined, invocation: Invocation): Invocation {
  const kept = Object.entries(invocation.arguments).filter(
    ([key]) => command?.args[key]?.options.personal !== true,
  );
  return { ...invocation, arguments: Object.fromEntries(kept) };
}

function writeWord(kind: string, value: Json): string {
  const text = writeValue(kind, value);
  return ['account', 'user', 'room', 'target'].includes(kind) ? idWord(text) : quote(text);
}

/** One value as people write it. */
export function writeValue(kind: string | undefined, value: Json): string {
  if (kind === 'duration') {
    return writeDuration(Number(value));
  }
  if (kind === 'date') {
    return new Date(Number(value)).toISOString();
  }
  if (kind === 'event' && typeof value === 'object' && value !== null && 'event' in value) {
    const { room, event } = value as { room: string; event: string };
    return matrixToLink(room, event);
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
