import { existsSync, readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { seededFaults } from '../../dev/faults/faults.ts';

const fileAt = (path: string) => new URL(`../../${path}`, import.meta.url);

test.for(seededFaults)('$name: has its place in the code and its test', (fault) => {
  const { file, right, wrong, test: near } = fault;
  expect(readFileSync(fileAt(file), 'utf8').split(right)).toHaveLength(2);
  expect(wrong).not.toBe(right);
  expect(existsSync(fileAt(near))).toBe(true);
});

test('no two faults have one name', () => {
  expect(new Set(seededFaults.map(({ name }) => name)).size).toBe(seededFaults.length);
});
