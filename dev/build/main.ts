import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from './build.ts';

const file = await build(fileURLToPath(new URL('../../dist', import.meta.url)));
console.log(`${path.relative(process.cwd(), file)} is built`);
