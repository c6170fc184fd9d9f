import { writeFile } from 'node:fs/promises';

import { commandsGuide } from './commands-guide.ts';

const file = new URL('../../docs/commands.md', import.meta.url);
await writeFile(file, await commandsGuide());
console.log('docs/commands.md is written');
