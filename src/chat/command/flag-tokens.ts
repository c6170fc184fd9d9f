import { UsageError } from '../../core/errors.ts';
import { cut, nearest } from '../../core/text.ts';
import { readReference } from '../reading/references.ts';
import type { Token } from '../reading/tokenize.ts';
import type { Argument } from './arguments.ts';

/** The declared flags, by the name that is typed. */
export type Flags = ReadonlyMap<string, { key: string; argument: Argument }>;

export function isFlag(token: Token): boolean {
  return !token.quoted && token.text.startsWith('-') && token.text !== '-';
}

export function flagParts(token: Token): {
  name: string;
  value: string | undefined;
  negated: boolean;
} {
  const match = /^--?([^=]+)(?:=([\s\S]*))?$/u.exec(token.text);
  const name = match?.[1] ?? '';
  return { name, value: match?.[2], negated: name.startsWith('no-') };
}

function isEndOfFlags({ text, quoted }: Token): boolean {
  return text === '--' && !quoted;
}

/** Where the flags end: behind it, everything is a value. */
export function endOfFlags(tokens: readonly Token[]): number {
  const end = tokens.findIndex(isEndOfFlags);
  return end === -1 ? tokens.length : end;
}

/** What a lenient reader would guess about, this one asks about. */
export function assertFlagsFit(tokens: readonly Token[], flags: Flags, command: string): void {
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
      throw new UsageError(`\`${cut(typed)}\` is not a flag of ${command}.`, {
        word: typed,
        advice: guess === undefined ? quotingAdvice(token) : `Did you mean \`--${guess}\`?`,
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
      throw new UsageError(`\`--${positive}\` needs a value.`, {
        word: token.text,
        ...(next === undefined || isEndOfFlags(next) || flags.has(flagParts(next).name)
          ? {}
          : { advice: quotingAdvice(next) }),
      });
    }
    if (kind === 'text' && value === undefined) {
      assertQuoted(positive, next, tokens.slice(at + 2));
    }
  }
}

/** Tokens and names may begin with a dash. */
function quotingAdvice({ text }: Token): string {
  return `If it is a value, put it in quotes: \`"${cut(text)}"\`.`;
}

/**
 * `--reason spam links` would make `links` a target. Words that can only be part of the sentence are
 * refused, also behind its dash; full IDs and links may follow.
 */
function assertQuoted(name: string, value: Token | undefined, following: readonly Token[]): void {
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
