/** One line of the table. */
export interface Measurement {
  /** What was measured, for people. */
  readonly what: string;
  readonly unit: 'ms' | 's' | 'MB' | '×' | 'per minute' | 'per second';
  readonly median: number;
  readonly p95?: number | undefined;
  readonly max?: number | undefined;
  /** Undefined if the number only explains another. */
  readonly goal?: Goal | undefined;
}

/** The upper limits of a measurement, in its unit. */
type Goal = Partial<Record<'median' | 'p95' | 'max', number>>;

/** What a benchmark is given. */
export interface BenchmarkOptions {
  /** Few rounds: shows that the benchmark works, and measures nothing. */
  readonly short: boolean;
  /** Print where the time of one answer goes. */
  readonly trace: boolean;
  /** How many rooms the benchmark `rooms` creates. */
  readonly rooms: number;
  /** How many commands the benchmark `memory` sends. */
  readonly commands: number;
}

/**
 * Measures one part of the bot. Starts what it needs, and leaves nothing behind. One that from some moment on
 * only waits, beside a bot that nobody uses, returns at that moment, so that the next one can begin.
 */
export type Benchmark = (
  options: BenchmarkOptions,
) => Promise<readonly Measurement[] | { readonly measured: Promise<readonly Measurement[]> }>;

/** Median, 95th percentile and maximum of what was measured, in the unit of `values`. */
export function spread(values: readonly number[]): { median: number; p95: number; max: number } {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { median: at(0.5), p95: at(0.95), max: at(1) };
}

/** Whether a measurement meets its goal; undefined if it has none. */
export function isMet({ goal, ...measured }: Measurement): boolean | undefined {
  return goal === undefined
    ? undefined
    : Object.entries(goal).every(([name, limit]) => (measured[name as keyof Goal] ?? 0) <= limit);
}
