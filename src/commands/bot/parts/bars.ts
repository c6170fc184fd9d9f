/** From the lowest bar to the highest. */
const heights = ['▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const nothing = '▁';

/**
 * A bar chart with one character for each number: text, so that every client, terminal and log shows it.
 * A number above 0 never looks like 0.
 */
export function bars(numbers: readonly number[]): string {
  const most = Math.max(0, ...numbers);
  return numbers
    .map((number) =>
      number <= 0
        ? nothing
        : heights[Math.min(heights.length, Math.ceil((number / most) * heights.length)) - 1],
    )
    .join('');
}
