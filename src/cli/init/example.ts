import { readFileSync } from 'node:fs';

/** The text of `config/example.yaml`. The build replaces this module with one that contains the text. */
export const exampleConfig = readFileSync(
  new URL('../../../config/example.yaml', import.meta.url),
  'utf8',
);
