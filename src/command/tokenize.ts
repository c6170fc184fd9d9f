import { UsageError } from '../errors.ts';

/** A word of a command line, after quotes and escapes. */
export interface Token {
  readonly text: string;
  /** Some of it was quoted or escaped: it is a value, even where it looks like a flag. */
  readonly quoted: boolean;
}

const space = /[\s\u00A0\u2000-\u200A\u202F\u205F\u3000]/u;

/** What closes a quote that `opener` opens; undefined where it opens none. */
function closersOf(opener: string, rest: string): string | undefined {
  switch (opener) {
    case '"':
      // Phones turn one of a pair into a typographic quote now and then.
      return rest.includes('"') ? '"' : '“”';
    case '“':
    case '„':
      return '“”"';
    case '‘':
      return `’'`;
    case '«':
      return '»';
    case "'":
      return "'";
    default:
      return undefined;
  }
}

/** Phones write `--flag` as `—flag`. */
function plainDashes(text: string): string {
  return text.replace(/^-*[–—―][-–—―]*(?=[A-Za-z]|$)/u, '--');
}

/**
 * Splits a line by shell habits: blanks and line breaks part words, quotes group, `\` escapes. A
 * quote opens only where a word or a `--flag=` value begins, so that `don't` needs no care.
 *
 * @throws UsageError a quote that is not closed
 */
export function tokenize(line: string): Token[] {
  const characters = Array.from(line);
  const tokens: Token[] = [];
  let text = '';
  let quoted = false;
  let inWord = false;

  const end = () => {
    if (inWord) {
      tokens.push({ text: quoted ? text : plainDashes(text), quoted });
    }
    text = '';
    quoted = false;
    inWord = false;
  };

  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    if (space.test(character)) {
      end();
      continue;
    }
    const isValueStart = !inWord || (/^[-–—―]+[\w-]+=$/u.test(text) && !quoted);
    const rest = isValueStart ? characters.slice(at + 1).join('') : '';
    const closers = isValueStart ? closersOf(character, rest) : undefined;
    if (closers !== undefined) {
      const close = characters.findIndex(
        (other, index) =>
          index > at &&
          closers.includes(other) &&
          (character === "'" || characters[index - 1] !== '\\'),
      );
      if (close === -1) {
        throw new UsageError(`The quote ${character} is not closed.`, {
          word: `${character}${rest.slice(0, 40)}`,
        });
      }
      const inside = characters.slice(at + 1, close).join('');
      // A flag's name stays bare (`--reason="…"`), so only a word that is all value counts as quoted.
      quoted = !inWord;
      text = inWord ? plainDashes(text) : text;
      text += character === "'" ? inside : inside.replaceAll(/\\(["“”„\\])/gu, '$1');
      inWord = true;
      at = close;
      continue;
    }
    inWord = true;
    if (character === '\\' && at + 1 < characters.length) {
      at += 1;
      quoted ||= text === '';
      text += characters[at] ?? '';
      continue;
    }
    text += character;
  }
  end();
  return tokens;
}

/** The inverse for one word: quoted where it must be, so that `tokenize` gives it back. */
export function quote(word: string): string {
  return /^[\w@:.#!$/+=~%,-]+$/u.test(word) && !word.startsWith('-')
    ? word
    : `"${word.replaceAll(/["\\“”„]/gu, String.raw`\$&`)}"`;
}
