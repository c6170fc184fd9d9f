import { UsageError } from '../../core/errors.ts';

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

/** Whether a word is a flag by its form. */
export function isFlag({ text, quoted }: Token): boolean {
  return !quoted && text.startsWith('-') && text !== '-';
}

/** Whether no flags follow this word. */
export function isEndOfFlags({ text, quoted }: Token): boolean {
  return text === '--' && !quoted;
}

/** The name and the value of `--name=value`. */
export function flagParts({ text }: Token): { name: string; value: string | undefined } {
  const [, name = '', value] = /^--?([^=]+)(?:=([\s\S]*))?$/u.exec(text) ?? [];
  return { name, value };
}

/** Characters of an unclosed quote that are shown. */
const maxWordShownLength = 40;

/** Phones write `--flag` as `—flag`. */
function plainDashes(text: string): string {
  return text.replace(/^-*[–—―][-–—―]*(?=[A-Za-z]|$)/u, '--');
}

/** `--flag=`, after which a quote may open. */
const flagWithoutValue = /^[-–—―]+\w[\w-]*=$/u;

/**
 * Splits a line as a shell would: blanks and line breaks separate words, quotes group, `\` escapes. A quote
 * opens only where a word or a `--flag=` value begins, so `don't` needs no special care.
 *
 * Takes time in proportion to the line's length, whatever it contains: anybody in the room can send 65 kB.
 *
 * @throws UsageError a quote that is not closed
 */
export function tokenize(line: string): Token[] {
  const words = readWords(line);
  const tokens: Token[] = [];
  for (let token = words.next(); token !== undefined; token = words.next()) {
    tokens.push(token);
  }
  return tokens;
}

/** Reads a line word by word, for a line whose end is not made of words. */
export function readWords(line: string) {
  const characters = Array.from(line);
  const quotes = createQuotes(characters);
  let at = 0;
  return {
    /** @throws UsageError the quote that opens the word is not closed */
    next(): Token | undefined {
      while (isBlank(characters[at])) {
        at += 1;
      }
      if (at >= characters.length) {
        return undefined;
      }
      const { token, end } = wordAt(characters, quotes, at);
      at = end;
      return token;
    },

    /** Where the last word ends. */
    position: () => at,

    /** The line from a position on, as it was typed. */
    from: (position: number): string => characters.slice(position).join(''),
  };
}

/** The word that begins at `start`, and where it ends. @throws UsageError a quote that is not closed */
function wordAt(
  characters: readonly string[],
  quotes: ReturnType<typeof createQuotes>,
  start: number,
): { readonly token: Token; readonly end: number } {
  let text = '';
  let quoted = false;
  let exact = false;
  /** Where the word's first `=` stands; looking for it at each quote would take quadratic time. */
  let equals = -1;

  const add = (piece: string) => {
    if (equals === -1 && piece.includes('=')) {
      equals = text.length + piece.indexOf('=');
    }
    text += piece;
  };
  const isFlagWithoutValue = () => equals === text.length - 1 && flagWithoutValue.test(text);

  let at = start;
  for (; at < characters.length && !isBlank(characters[at]); at += 1) {
    const character = characters[at] ?? '';
    const isFirst = at === start;
    if (quotes.opens(character) && (isFirst || (!quoted && isFlagWithoutValue()))) {
      const close = quotes.closeOf(at);
      if (close === undefined) {
        throw new UsageError(`Missing closing quote (${character}).`, {
          word: characters.slice(at, at + maxWordShownLength).join(''),
        });
      }
      const inside = characters.slice(at + 1, close).join('');
      // A flag's name stays bare (`--reason="…"`), so only a word that is all value counts as quoted.
      quoted = isFirst;
      exact = true;
      text = isFirst ? text : plainDashes(text);
      add(character === "'" ? inside : inside.replaceAll(/\\(["“”„‘’«»\\])/gu, '$1'));
      // The value has begun: no second quote opens in it.
      equals = Number.NaN;
      at = close;
    } else if (character === '\\' && at + 1 < characters.length) {
      at += 1;
      quoted ||= text === '';
      exact = true;
      add(characters[at] ?? '');
    } else {
      add(character);
    }
  }
  return {
    token: {
      text: quoted ? text : plainDashes(text),
      quoted,
      ...(exact && !quoted ? { quotedValue: true } : {}),
    },
    end: at,
  };
}

/**
 * Writes one word so that `tokenize` gives it back. It is quoted if necessary, also so that nobody takes a
 * mark at its end for punctuation around it.
 */
export function quote(word: string): string {
  return /^[\w@:.#!$/+=~%,-]+$/u.test(word) && !/^[-.,:]|[.,:!]$/u.test(word)
    ? word
    : `"${word.replaceAll(/["\\“”„]/gu, String.raw`\$&`)}"`;
}

const blank = /[\s\u00A0\u2000-\u200A\u202F\u205F\u3000]/u;

/** Blanks of all scripts, and line breaks. */
function isBlank(character: string | undefined): boolean {
  return character !== undefined && blank.test(character);
}

/** What closes the quotes that `opener` opens. */
const closersOf: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['“', '“”"'],
  ['„', '“”"'],
  ['«', '»'],
  ['‘', `’'`],
  ["'", "'"],
]);

/** Phones sometimes turn only one of a pair into a typographic quote. */
const typographic = '“”';

/** Finds where the quotes of a line end, in one walk over the line for each kind of quote. */
function createQuotes(characters: readonly string[]) {
  const found = new Map<string, Int32Array>();

  const endsWord = (at: number) => at + 1 === characters.length || isBlank(characters[at + 1]);
  const lastAscii = characters.findLastIndex((character, at) => character === '"' && endsWord(at));

  /** The first at or after `from` that closes; undefined if there is none. */
  function next(opener: string, closers: string, from: number): number | undefined {
    const key = opener + closers;
    const ends = found.get(key) ?? endsFor(opener, closers);
    found.set(key, ends);
    const end = ends[from] ?? -1;
    return end === -1 ? undefined : end;
  }

  /** For each place of the line, the closing quote that comes next. */
  function endsFor(opener: string, closers: string): Int32Array {
    const isEscaped = escapedIn(characters);
    const closes = (at: number) =>
      closers.includes(characters[at] ?? ' ') &&
      (opener === "'" || isEscaped[at] === 0) &&
      // An apostrophe closes only where a word ends: `'don't do it'`.
      (!closers.includes("'") || endsWord(at));
    const ends = new Int32Array(characters.length).fill(-1);
    for (let at = characters.length - 1; at >= 0; at -= 1) {
      ends[at] = closes(at) ? at : (ends[at + 1] ?? -1);
    }
    return ends;
  }

  return {
    opens: (character: string): boolean => closersOf.has(character),

    /** Where the quote that opens at `at` is closed; undefined if it is not. */
    closeOf(at: number): number | undefined {
      const opener = characters[at] ?? '';
      const closers = closersOf.get(opener) ?? '';
      return (
        (opener === '"' && lastAscii <= at ? next(opener, typographic, at + 1) : undefined) ??
        next(opener, closers, at + 1)
      );
    },
  };
}

/** 1 for each character after an odd number of backslashes. */
function escapedIn(characters: readonly string[]): Uint8Array {
  const escaped = new Uint8Array(characters.length);
  for (let at = 1; at < characters.length; at += 1) {
    escaped[at] = characters[at - 1] === '\\' && escaped[at - 1] === 0 ? 1 : 0;
  }
  return escaped;
}
