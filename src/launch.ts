#!/usr/bin/env node
// The build starts here, before anything else is loaded. Node must be able to read this file even if it is
// too old for the rest, so it imports no names that an old Node lacks, and doesn't await at the top level.
import module from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** The same as `engines` in package.json. */
const oldestNode = 24;

if (Number.parseInt(process.versions.node, 10) < oldestNode) {
  process.stderr.write(
    `lawspeaker: Node ${process.versions.node} is too old. Install Node ${oldestNode} or newer.\n`,
  );
  process.exit(2);
}
// What V8 compiled before is read from a cache.
module.enableCompileCache(fileURLToPath(new URL('compiled', import.meta.url)));
void import('./main.ts');
