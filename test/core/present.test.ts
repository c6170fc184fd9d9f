import { expect, expectTypeOf, test } from 'vitest';

import { present } from '../../src/core/present.ts';

test('leaves out what is undefined, and nothing else', () => {
  expect(Object.keys(present({ a: 1, b: undefined, c: null, d: '', e: false }))).toEqual([
    'a',
    'c',
    'd',
    'e',
  ]);
});

test('the type says which properties may be missing', () => {
  const note = undefined as string | undefined;
  expectTypeOf(present({ id: 1, note })).toExtend<{ id: number; note?: string }>();
});
