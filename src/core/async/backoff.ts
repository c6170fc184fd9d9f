/** Delays between tries: each twice as long as the one before, up to a maximum. */
export interface Backoff {
  /** How long to wait before the next try, in milliseconds. */
  next(): number;
  /**
   * Starts again, after a success.
   *
   * @param delayMs the delay to start from, instead of the first one
   */
  reset(delayMs?: number): void;
}

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

export function createBackoff({ firstMs, maxMs }: BackoffOptions): Backoff {
  let delayMs = firstMs;
  return {
    next() {
      const current = Math.min(delayMs, maxMs);
      delayMs = current * 2;
      return current;
    },
    reset(startMs = firstMs) {
      delayMs = startMs;
    },
  };
}
