import { UsageError } from './errors.ts';

/** What a text must contain: these words in this order, the last one perhaps only in part. */
export interface SearchTerm {
  readonly words: string;
  readonly isPrefix: boolean;
}

const maxLength = 500;
const maxTerms = 20;

/** A phrase in quotation marks of any kind, or a word; `*` after it stands for how the last word goes on. */
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
      words: (phrase ?? word).replaceAll(/["“”„\0]/gu, ''),
      isPrefix: star === '*' || word.endsWith('*'),
    }))
    // Punctuation and pictures are not indexed.
    .filter(({ words }) => /[\p{L}\p{N}]/u.test(words));
  if (terms.length === 0) {
    throw new UsageError('There is no word to search for.', {
      word: '--text',
      advice:
        'Give words or a user ID, such as crypto scam. Punctuation and emoji can’t be searched for.',
    });
  }
  if (terms.length > maxTerms) {
    throw new UsageError(`At most ${maxTerms} words can be searched for.`, { word: '--text' });
  }
  return terms;
}
