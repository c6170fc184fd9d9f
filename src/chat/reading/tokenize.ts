import { UsageError } from '../../core/errors.ts';
import { createQuotes, isBlank } from './quotes.ts';

/** A word of a command line, after quotes and escapes. */
export interface Token {
  readonly text: string;
  /** Some of it was quoted or escaped: it is a value, even where it looks like a flag. */
  readonly quoted: boolean;
  /** Set if the value of a `--flag=` was quoted, or some of it escaped: it is meant as it is written. */
  readonly quotedValue?: true;
}

/** Whether a word is meant as it is written, marks at its ends included. */
export function isExact({ quoted, quotedValue }: Token): boolean {
  return quoted || quotedValue === true;
}

/** So much of an unclosed quote is shown. */
const maxWordShownLength = 40;

/** Phones write `--flag` as `—flag`. */
function plainDashes(text: string): string {
  return text.replace(/^-*[–—―][-–—―]*(?=[A-Za-z]|$)/u, '--');
}

/** `--flag=`, behind which a quote may open. */
const flagWithoutValue = /^[-–—―]+\w[\w-]*=$/u;

/**
 * Splits a line by shell habits: blanks and line breaks part words, quotes group, `\` escapes. A
 * quote opens only where a word or a `--flag=` value begins, so that `don't` needs no care.
 *
 * Takes time in proportion to the line's length, whatever stands in it: anybody in the room can send
 * 65 kB.
 *
 * @throws UsageError a quote that is not closed
 */
export function tokenize(line: string): Token[] {
  const characters = Array.from(line);
  const quotes = createQuotes(characters);
  const tokens: Token[] = [];
  let text = '';
  let quoted = false;
  let exact = false;
  let inWord = false;
  /** Where the word's first `=` stands; looking for it at each quote would take quadratic time. */
  let equals = -1;

  const add = (piece: string) => {
    if (equals === -1 && piece.includes('=')) {
      equals = text.length + piece.indexOf('=');
    }
    text += piece;
  };
  const isFlagWithoutValue = () => equals === text.length - 1 && flagWithoutValue.test(text);

  const end = () => {
    if (inWord) {
      tokens.push({
        text: quoted ? text : plainDashes(text),
        quoted,
        ...(exact && !quoted ? { quotedValue: true } : {}),
      });
    }
    text = '';
    quoted = false;
    exact = false;
    inWord = false;
    equals = -1;
  };

  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    if (isBlank(character)) {
      end();
      continue;
    }
    if (quotes.opens(character) && (!inWord || (!quoted && isFlagWithoutValue()))) {
      const close = quotes.closeOf(at);
      if (close === undefined) {
        throw new UsageError(`The quote ${character} is not closed.`, {
          word: characters.slice(at, at + maxWordShownLength).join(''),
        });
      }
      const inside = characters.slice(at + 1, close).join('');
      // A flag's name stays bare (`--reason="…"`), so only a word that is all value counts as quoted.
      quoted = !inWord;
      exact = true;
      text = inWord ? plainDashes(text) : text;
      add(character === "'" ? inside : inside.replaceAll(/\\(["“”„‘’«»\\])/gu, '$1'));
      // The value has begun: no second quote opens in it.
      equals = Number.NaN;
      inWord = true;
      at = close;
      continue;
    }
    inWord = true;
    if (character === '\\' && at + 1 < characters.length) {
      at += 1;
      quoted ||= text === '';
      exact = true;
      add(characters[at] ?? '');
      continue;
    }
    add(character);
  }
  end();
  return tokens;
}

/**
 * The inverse for one word: quoted where it must be, so that `tokenize` gives it back, and so that
 * nobody takes a mark at its end for punctuation around it.
 */
export function quote(word: string): string {
  return /^[\w@:.#!$/+=~%,-]+$/u.test(word) && !/^[-.,:]|[.,:!]$/u.test(word)
    ? word
    : `"${word.replaceAll(/["\\“”„]/gu, String.raw`\$&`)}"`;
}
