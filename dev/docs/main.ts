import { writeFile } from 'node:fs/promises';

import { commandsGuide } from './commands-guide.ts';
import { configurationGuide } from './configuration-guide.ts';

const pages = { 'commands.md': commandsGuide, 'configuration.md': configurationGuide };

for (const [page, make] of Object.entries(pages)) {
  await writeFile(new URL(`../../docs/${page}`, import.meta.url), await make());
  console.log(`docs/${page} is written`);
}
