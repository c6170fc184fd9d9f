import { expect, test } from 'vitest';

import { textWidth } from '../../../src/matrix/delivery/text-width.ts';

test.each([
  ['', 0],
  ['@mallory:x', 10],
  ['日本', 4],
  ['e\u0301', 1],
  ['👩‍👧 hi', 5],
])('the text %j takes %i columns', (text, columns) => {
  expect(textWidth(text)).toBe(columns);
});
