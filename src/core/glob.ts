/**
 * Whether `glob` matches all of `text`: `*` matches any text, `?` one character. A regular expression with
 * several stars could take time that grows with a power of the text's length. Here, the time grows in
 * proportion to it.
 */
export function matchesGlob(glob: string, text: string): boolean {
  const pattern = Array.from(glob);
  const characters = Array.from(text);
  let at = 0;
  let inPattern = 0;
  let star = -1;
  /** Where the text continues after what the last star has matched. */
  let resume = 0;
  while (at < characters.length) {
    const wanted = pattern[inPattern];
    if (wanted === '*') {
      star = inPattern;
      resume = at;
      inPattern += 1;
    } else if (wanted === '?' || (wanted !== undefined && wanted === characters[at])) {
      at += 1;
      inPattern += 1;
    } else if (star !== -1) {
      // Only the last star has to match more: everything before it has matched as early as possible.
      resume += 1;
      at = resume;
      inPattern = star + 1;
    } else {
      return false;
    }
  }
  return pattern.slice(inPattern).every((rest) => rest === '*');
}
