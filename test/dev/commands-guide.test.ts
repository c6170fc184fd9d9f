import { readFile } from 'node:fs/promises';

import { expect, it } from 'vitest';

import { commandsGuide } from '../../dev/docs/commands-guide.ts';

it('docs/commands.md is what the declarations say; `npm run docs` writes it anew', async () => {
  const file = new URL('../../docs/commands.md', import.meta.url);
  expect(await readFile(file, 'utf8')).toBe(await commandsGuide());
});
