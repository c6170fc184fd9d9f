import { expect, test } from 'vitest';

import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import { UsageError } from '../../../src/core/errors.ts';
import { readMatching } from '../../../src/operations/parse/matching.ts';

const registry = createRegistry(await loadCommands());
const now = Date.UTC(2026, 10, 27);
const context = {
  registry,
  settings: { homeservers: [], prefix: '!', serverName: 'example.com' },
  now: () => now,
};

test('filters are read as users reads them, and their times are fixed', () => {
  const { filter, written } = readMatching(
    context,
    '--name "spam*" --created-after 2d --no-admins --locked',
  );
  expect(filter).toMatchObject({
    name: 'spam*',
    createdAfter: now - 2 * 86_400_000,
    admins: false,
    locked: true,
  });
  expect(written).toBe(
    '--name="spam*" --no-admins --locked --created-after=2026-11-25T00:00:00.000Z',
  );
  expect(readMatching({ ...context, now: () => 0 }, written).filter).toEqual(filter);
  expect(readMatching(context, 'spam').filter).toEqual({ name: 'spam' });
});

test.for([
  ['', 'No filter is given'],
  ['  ', 'No filter is given'],
  ['--limit 5 spam', '`--limit` is not a filter'],
  ['--all', '`--all` is not a filter'],
  ['--made-after 2d', 'has no flag'],
  ['--created-after soon', 'not a valid date'],
  ['--name', 'needs a value'],
  ['--name "spam', 'Missing closing quote'],
])('%j is refused', ([text, message]) => {
  expect(() => readMatching(context, text ?? '')).toThrow(UsageError);
  expect(() => readMatching(context, text ?? '')).toThrow(message);
  expect(() => readMatching(context, text ?? '')).toThrow('--matching');
});
