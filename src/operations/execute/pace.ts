/** How many targets are dealt with at the same time: fewer while the homeserver has trouble. */
export interface Pace {
  /** At most this many now. */
  width(): number;
  /** One call has ended. */
  took(ms: number, how: { readonly failed: boolean }): void;
}

/** A call that takes this many times as long as usual is slow. */
const slowFactor = 4;
/** Under this, no call is slow: what is noise for a fast homeserver must not hold it up. */
const noiseMs = 250;
/** One more at a time, after this many calls that were not slow. */
const calmCalls = 8;

/**
 * @param most the parallelism of the configuration
 */
export function createPace(most: number): Pace {
  let width = most;
  let calm = 0;
  /** A moving average of calls that were not slow. */
  let usualMs: number | undefined;
  return {
    width: () => width,
    took(ms, { failed }) {
      const isSlow = usualMs !== undefined && ms > Math.max(noiseMs, usualMs * slowFactor);
      if (failed || isSlow) {
        width = Math.max(1, Math.floor(width / 2));
        calm = 0;
        return;
      }
      usualMs = usualMs === undefined ? ms : usualMs * 0.9 + ms * 0.1;
      calm += 1;
      if (calm >= calmCalls && width < most) {
        width += 1;
        calm = 0;
      }
    },
  };
}
