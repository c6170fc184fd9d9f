/** The number of an audit entry, with or without `#`; undefined for anything else. */
export function entryNumber(word: string): number | undefined {
  const digits = /^#?([1-9]\d{0,14})[.,;]?$/u.exec(word)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Whether a word stands for one's newest action. */
export function isLast(word: string): boolean {
  return word.toLowerCase() === 'last';
}

/** The reason that stands with an action which takes another back. */
export function reasonOfUndo(entry: number, why?: string): string {
  return `undo of #${entry}${why === undefined ? '' : `: ${why}`}`;
}

/** The entry that an action with this reason took back. */
export function undoneBy(reason: string | null): number | undefined {
  const number = /^undo of #(\d{1,15})(?:$|: )/u.exec(reason ?? '')?.[1];
  return number === undefined ? undefined : Number(number);
}
