const blank = /[\s\u00A0\u2000-\u200A\u202F\u205F\u3000]/u;

/** Blanks of all scripts, and line breaks. */
export function isBlank(character: string | undefined): boolean {
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

/** Phones turn one of a pair into a typographic quote now and then. */
const typographic = '“”';

/** Finds where the quotes of a line end, in one walk over the line for each kind of quote. */
export function createQuotes(characters: readonly string[]) {
  const found = new Map<string, Int32Array>();

  const endsWord = (at: number) => at + 1 === characters.length || isBlank(characters[at + 1]);
  const lastAscii = characters.findLastIndex((character, at) => character === '"' && endsWord(at));

  /** The first at `from` or behind it that closes; undefined where there is none. */
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

    /** Where the quote that opens at `at` is closed; undefined where it is not. */
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

/** 1 for each character behind an odd number of backslashes. */
function escapedIn(characters: readonly string[]): Uint8Array {
  const escaped = new Uint8Array(characters.length);
  for (let at = 1; at < characters.length; at += 1) {
    escaped[at] = characters[at - 1] === '\\' && escaped[at - 1] === 0 ? 1 : 0;
  }
  return escaped;
}
