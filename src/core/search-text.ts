import { UsageError } from './errors.ts';

/** What a text must contain: these words in this order, the last one perhaps only in part. */
export interface SearchTerm {
  readonly words: string;
  readonly isPrefix: boolean;
}

const maxLength = 500;
const maxTerms = 20;
/** Every word of the index that begins like this is read: fewer characters stand for thousands of words. */
const minPrefix = 3;
/** Chinese, Japanese and Korean: a character says more there, and there are more of them. */
const minCjkPrefix = 2;
const saysMore = /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}]/u;
const maxPrefixes = 3;

/**
 * Letters that were no letters in the version of Unicode that SQLite knows: vowel signs of New Tai Lue, and two signs
 * of Vedic. The index of words leaves them out.
 */
const notIndexed = /[\u19B0-\u19C0\u19C8\u19C9\u1CF2\u1CF3]/u;

/** Where there are letters whose capital or small letter is newer than that: SQLite takes the two for different letters. */
const newCapitals =
  /[\u019B\u0250-\u02AF\u037F\u03F3\u0528-\u052F\u10D0-\u10FF\u13A0-\u13FF\u1C80-\u1CBF\u1D8E\u2C2F\u2C5F\uA698-\uA69B\uA790-\uA7FF\uAB53\uAB70-\uABBF\u{104B0}-\u{104FF}\u{10570}-\u{105BF}\u{10C80}-\u{10CFF}\u{10D50}-\u{10D8F}\u{118A0}-\u{118DF}\u{16E40}-\u{16E7F}\u{16EA0}-\u{16EDF}\u{1E900}-\u{1E943}]/u;

/** A phrase in quotation marks of any kind, or a word; `*` after it matches any ending of the last word. */
const termPattern = /["“”„]([^"“”„]*)["“”„](\*?)|(\S+)/gu;

/**
 * Reads what somebody searches for. All terms must be found, in any order.
 *
 * @throws UsageError there is nothing in it to search for, or too much
 */
export function readSearchText(text: string): readonly SearchTerm[] {
  if (text.length > maxLength) {
    throw new UsageError(`A text to search for has at most ${maxLength} characters.`, {
      word: '--text',
    });
  }
  const letter = notIndexed.exec(text)?.[0];
  if (letter !== undefined) {
    throw new UsageError(`The search doesn’t know the letter ${letter}.`, {
      word: '--text',
      advice: 'Leave its word out, or look for the user or room with --target.',
    });
  }
  const terms = [...text.toWellFormed().matchAll(termPattern)]
    .map(([, phrase, star, word = '']) => ({
      // SQLite reads a text only up to a NUL.
      words: (phrase ?? word).replaceAll(/["“”„]/gu, '').replaceAll('\0', ' '),
      isPrefix: star === '*' || word.endsWith('*'),
    }))
    // Punctuation and pictures are not indexed.
    .filter(({ words }) => /[\p{L}\p{N}]/u.test(words))
    .filter((term, at, all) => all.findIndex((other) => isSame(term, other)) === at);
  if (terms.length === 0) {
    throw new UsageError('The search has no words.', {
      word: '--text',
      advice:
        'Give words or a user ID, such as crypto scam. Punctuation and emoji can’t be searched for.',
    });
  }
  if (terms.length > maxTerms) {
    throw new UsageError(`At most ${maxTerms} words can be searched for.`, { word: '--text' });
  }
  const prefixes = terms.filter(({ isPrefix }) => isPrefix);
  const short = prefixes.find(({ words }) => isShort(lastWordOf(words)));
  if (short !== undefined) {
    throw new UsageError(
      `At least ${minLengthOf(lastWordOf(short.words))} characters are needed before \`*\`.`,
      {
        word: '--text',
        advice: 'Give more of the word, or the whole word without `*`.',
      },
    );
  }
  if (prefixes.length > maxPrefixes) {
    throw new UsageError(`At most ${maxPrefixes} beginnings of words can be searched for.`, {
      word: '--text',
      advice: 'Give whole words, without `*`.',
    });
  }
  return terms;
}

/** Whether a text has words or stars that other searches take for operators, and this one doesn't. */
export function looksLikeOperators(text: string): boolean {
  const outsideOfPhrases = text.replaceAll(/["“”„][^"“”„]*["“”„]/gu, ' ');
  return /(?<!\S)(?:AND|OR|NOT|NEAR)(?!\S)|(?<!\S)NEAR[(/]|\*\S/u.test(outsideOfPhrases);
}

/** How somebody may have written these words, as far as SQLite can't tell that it is the same. */
export function spellingsOf(words: string): readonly string[] {
  if (!newCapitals.test(words)) {
    return [words];
  }
  const small = words.toLowerCase();
  const atTheBeginning = small.replaceAll(/\p{L}+/gu, (word) => {
    const [first = '', ...rest] = word;
    return first.toUpperCase() + rest.join('');
  });
  return [...new Set([words, small, words.toUpperCase(), atTheBeginning])];
}

function isSame(one: SearchTerm, other: SearchTerm): boolean {
  return one.words.toLowerCase() === other.words.toLowerCase() && one.isPrefix === other.isPrefix;
}

function isShort(beginning: string): boolean {
  const { length } = beginning.match(/./gu) ?? [];
  return length < minLengthOf(beginning);
}

const minLengthOf = (beginning: string): number =>
  saysMore.test(beginning) ? minCjkPrefix : minPrefix;

/** The word that may go on. */
function lastWordOf(words: string): string {
  return words.match(/[\p{L}\p{N}\p{M}]+/gu)?.at(-1) ?? '';
}
