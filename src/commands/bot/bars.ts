/** From next to nothing to the most. */
const heights = ['▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const nothing = '▁';

/**
 * A picture of numbers, a character each: text, so that every client, terminal and log shows it. What
 * is not nothing never looks like it.
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
