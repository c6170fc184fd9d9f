/**
 * Whether all of `text` is as `glob` says: `*` is any text, `?` one character. As a regular expression,
 * several stars would take polynomial time; this takes time in proportion to the text.
 */
export function matchesGlob(glob: string, text: string): boolean {
  const pattern = Array.from(glob);
  const characters = Array.from(text);
  let at = 0;
  let inPattern = 0;
  let star = -1;
  /** Where the text goes on that the last star has not taken. */
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
      // Only the last star need give: what stands before it has matched as early as it can.
      resume += 1;
      at = resume;
      inPattern = star + 1;
    } else {
      return false;
    }
  }
  return pattern.slice(inPattern).every((rest) => rest === '*');
}
