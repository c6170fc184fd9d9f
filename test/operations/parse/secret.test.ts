import { expect, test } from 'vitest';

import { holdsSecret } from '../../../src/operations/parse/secret.ts';

const isSecret = (line: string) => holdsSecret(`!${line}`, line);

test.each([
  'reset-password @a:example.com hunter2',
  'reset-password a abc',
  'create-user spam hunter2',
  'create-user spam 1234',
  'create-user spam my dog',
  'create-user spam --password x',
  'create-user spam 02 hunter2',
  'user syt_bWFsbG9yeQ_abcdefghijklmnop_123456',
])('%s may hold a secret', (line) => {
  expect(isSecret(line)).toBe(true);
});

test.each([
  'create-user spam',
  'create-user spam 02',
  'create-user spam 02 --displayname "Cheap pills"',
  'create-user spam --displayname "Cheap pills"',
  'reset-password @a:example.com @b:example.com',
  'deactivate spam 02',
])('%s holds none', (line) => {
  expect(isSecret(line)).toBe(false);
});
