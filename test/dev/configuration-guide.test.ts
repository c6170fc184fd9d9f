import { readFile } from 'node:fs/promises';

import { expect, it } from 'vitest';

import { configurationGuide } from '../../dev/docs/configuration-guide.ts';

it('docs/configuration.md is what the schema and the example say; `npm run docs` writes it anew', async () => {
  const file = new URL('../../docs/configuration.md', import.meta.url);
  expect(await readFile(file, 'utf8')).toBe(await configurationGuide());
});

it('docs/configuration.md has sentences, and not the examples of values', async () => {
  expect(await configurationGuide()).not.toMatch(/\S {2}|^ |fresh-account/mu);
});
