#!/usr/bin/env node
// The build starts here, before anything else is loaded: what V8 compiled before is read from a cache.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('compiled', import.meta.url)));
await import('./main.ts');
