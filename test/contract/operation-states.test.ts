import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';

import { expect, test } from 'vitest';

const changer = 'src/store/tables/operations/operations.ts';

test('an operation changes its state in one place', async () => {
  const names = await readdir('src', { recursive: true });
  const files = names
    .filter((name) => name.endsWith('.ts') && !name.includes('migrations'))
    .map((name) => path.posix.join('src', name.replaceAll(path.sep, '/')));
  const changers: string[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8');
    const updates = text.split(/updateTable\('operations'\)/u).slice(1);
    if (updates.some((update) => /\bstate\s*[:,]/u.test(update.split('.where(', 1)[0] ?? ''))) {
      changers.push(file);
    }
    expect(text).not.toMatch(/UPDATE operations\b/iu);
  }
  expect(changers).toEqual([changer]);
});
