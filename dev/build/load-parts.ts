/** Loads modules and keeps what V8 compiles. Arguments: the folder to keep it in, and the modules. */
import { enableCompileCache, flushCompileCache } from 'node:module';

const [folder = '', ...modules] = process.argv.slice(2);
enableCompileCache(folder);
for (const file of modules) {
  // The part with encryption needs a native library that may be missing here.
  await import(file).catch(() => undefined);
}
flushCompileCache();
// The SDK and the log must not keep the process running.
process.exit();
