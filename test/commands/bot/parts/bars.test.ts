import { array, assert, nat, property } from 'fast-check';
import { expect, test } from 'vitest';

import { bars } from '../../../../src/commands/bot/parts/bars.ts';

test('the most is the highest, nothing is flat, and little is more than nothing', () => {
  expect(bars([])).toBe('');
  expect(bars([0, 0])).toBe('▁▁');
  expect(bars([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
  expect(bars([0, 1, 1000])).toBe('▁▂█');
  expect(bars([5])).toBe('█');
});

test('there is a bar for each number, and a greater number has no lower one', () => {
  assert(
    property(array(nat(1_000_000)), (numbers) => {
      const drawn = Array.from(bars(numbers));
      expect(drawn).toHaveLength(numbers.length);
      const byNumber = numbers
        .map((number, at) => ({ number, bar: drawn[at] ?? '' }))
        .sort((one, other) => one.number - other.number);
      for (const [at, { bar }] of byNumber.entries()) {
        expect(bar >= (byNumber[at - 1]?.bar ?? '')).toBe(true);
      }
    }),
  );
});
