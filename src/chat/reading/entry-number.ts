/** The number of an audit entry, with or without `#`; undefined for anything else. */
export function entryNumber(word: string): number | undefined {
  const digits = /^#?([1-9]\d{0,14})[.,;]?$/u.exec(word)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Whether a word means the sender's latest action. */
export function isLast(word: string): boolean {
  return word.toLowerCase() === 'last';
}

/** The reason that is recorded for an action that undoes another. */
export function reasonOfUndo(entry: number, why?: string): string {
  return `undo of #${entry}${why === undefined ? '' : `: ${why}`}`;
}

/** The entry that an action with this reason undid. */
export function undoneBy(reason: string | null): number | undefined {
  const number = /^undo of #(\d{1,15})(?:$|: )/u.exec(reason ?? '')?.[1];
  return number === undefined ? undefined : Number(number);
}
