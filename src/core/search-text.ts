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
    throw new UsageError(`At least ${minPrefix} characters are needed before \`*\`.`, {
      word: '--text',
      advice: 'Give more of the word, or the whole word without `*`.',
    });
  }
  if (prefixes.length > maxPrefixes) {
    throw new UsageError(`At most ${maxPrefixes} beginnings of words can be searched for.`, {
      word: '--text',
      advice: 'Give whole words, without `*`.',
    });
  }
  return terms;
}

function isSame(one: SearchTerm, other: SearchTerm): boolean {
  return one.words.toLowerCase() === other.words.toLowerCase() && one.isPrefix === other.isPrefix;
}

function isShort(beginning: string): boolean {
  const { length } = beginning.match(/./gu) ?? [];
  return length < (saysMore.test(beginning) ? minCjkPrefix : minPrefix);
}

/** The word that may go on. */
function lastWordOf(words: string): string {
  return words.match(/[\p{L}\p{N}\p{M}]+/gu)?.at(-1) ?? '';
}
