import { expect, test } from 'vitest';

import { isSamePlace } from '../../../../src/operations/parse/undo/same-deed.ts';
import type { AuditEntry } from '../../../../src/store/tables/audit/audit-log.ts';

const entry = (given: object) => ({ command: 'block-room', arguments: given }) as AuditEntry;

test.each([
  ['the same homeserver', { on: 'one.example' }, { on: 'one.example' }, true],
  ['two homeservers', { on: 'one.example' }, { on: 'two.example' }, false],
  ['a time when there was only one', {}, { on: 'one.example' }, true],
  ['two rooms', { step: '!a:one.example' }, { step: '!b:one.example' }, false],
])('of %s', (_, one, other, expected) => {
  expect(isSamePlace(entry(one), entry(other))).toBe(expected);
});
