/** Digits that are kept of a duration. */
const digits = 4;

/**
 * Durations of any number in little memory: each is rounded to four digits, so at most some ten thousand
 * different ones are counted.
 */
export function createDurations() {
  const counts = new Map<number, number>();
  let total = 0;

  /** The one at this place, from the shortest, which is 0. */
  function at(place: number): number | undefined {
    let before = 0;
    for (const duration of [...counts.keys()].sort((one, other) => one - other)) {
      before += counts.get(duration) ?? 0;
      if (before > place) {
        return duration;
      }
    }
    return undefined;
  }

  return {
    add(durationMs: number): void {
      const rounded = Number(durationMs.toPrecision(digits));
      counts.set(rounded, (counts.get(rounded) ?? 0) + 1);
      total += 1;
    },

    /** How many there are. */
    count: () => total,

    /** The middle one, or the mean of the two in the middle; undefined if there are none. */
    median(): number | undefined {
      const lower = at(Math.ceil(total / 2) - 1);
      const upper = at(Math.floor(total / 2));
      return lower === undefined || upper === undefined
        ? undefined
        : Math.round((lower + upper) / 2);
    },
  };
}
