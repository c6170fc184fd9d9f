import leven from 'leven';

/** The longest name that is shown whole. */
const maxNameLength = 60;

/** A stranger's text, cut to a length that can't flood the room. */
export function cut(text: string, length = maxNameLength): string {
  if (text.length <= length) {
    return text;
  }
  const graphemes = [...new Intl.Segmenter().segment(text.slice(0, length * 8))];
  return graphemes.length <= length && text.length <= length * 8
    ? text
    : `${graphemes
        .slice(0, length - 1)
        .map(({ segment }) => segment)
        .join('')}…`;
}

/** The candidate that a mistyped word probably stands for, or undefined. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const allowed = word.length <= 4 ? 1 : word.length <= 6 ? 2 : 3;
  const [best] = candidates
    // The distance is at least the difference in length.
    .filter((candidate) => Math.abs(candidate.length - word.length) <= allowed)
    .map((candidate) => ({ candidate, distance: leven(word, candidate, { maxDistance: 4 }) }))
    .filter(
      ({ candidate, distance }) =>
        distance <= allowed || (distance === 2 && isAnagram(word, candidate)),
    )
    .sort((one, other) => one.distance - other.distance);
  return best?.candidate;
}

/** Whether two words differ only in the order of their letters: a swap counts as two differences. */
function isAnagram(word: string, other: string): boolean {
  const sorted = (text: string) => Array.from(text).sort().join('');
  return word.length > 2 && sorted(word) === sorted(other);
}

/** What all the texts start with. */
export function commonStart(texts: readonly string[]): string {
  let [start = ''] = texts;
  for (const text of texts) {
    while (!text.startsWith(start)) {
      start = start.slice(0, -1);
    }
  }
  return start;
}
