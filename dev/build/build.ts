import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { rolldown } from 'rolldown';
import type { Plugin } from 'rolldown';

import { groups } from '../../src/chat/command/declaration.ts';
import { unusedPackages } from '../../src/matrix/crypto/unused-packages.ts';
import { lightStart } from './light-start.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Native libraries stay packages of their own. */
const native = ['better-sqlite3', '@matrix-org/matrix-sdk-crypto-nodejs'];

/** Lists the commands in the place of the search for them. */
const listedCommands: Plugin = {
  name: 'listed-commands',
  load: {
    filter: { id: /src\/chat\/command\/load-commands\.ts$/u },
    async handler() {
      const files = await Promise.all(
        Object.keys(groups).map(async (group) =>
          (await readdir(path.join(root, 'src/commands', group)))
            .filter((file) => file.endsWith('.ts'))
            .sort()
            .map((file) => ({ group, file })),
        ),
      );
      const modules = files.flat();
      return [
        ...modules.map(
          ({ group, file }, at) => `import command${at} from '../../commands/${group}/${file}';`,
        ),
        'export const loadCommands = async () => [',
        ...modules.map(({ group }, at) => `  { ...command${at}, group: '${group}' },`),
        '];',
      ].join('\n');
    },
  },
};

/** Puts the text of the example configuration in the place of reading the file. */
const containedExample: Plugin = {
  name: 'contained-example',
  load: {
    filter: { id: /src\/cli\/init\/example\.ts$/u },
    async handler() {
      const text = await readFile(path.join(root, 'config/example.yaml'), 'utf8');
      return `export const exampleConfig = ${JSON.stringify(text)};`;
    },
  },
};

/** The program that draws charts in a thread of its own is a file of its own. */
const builtWorker: Plugin = {
  name: 'built-worker',
  load: {
    filter: { id: /src\/services\/charts\/worker-file\.ts$/u },
    handler: () => `export const workerFile = new URL('draw-chart.js', import.meta.url);`,
  },
};

/** Leaves out what matrix-bot-sdk loads and the bot never uses. */
const withoutUnused: Plugin = {
  name: 'without-unused',
  resolveId(id, importer) {
    return unusedPackages.includes(id) && importer?.includes('matrix-bot-sdk') === true
      ? `\0unused:${id}`
      : undefined;
  },
  load: (id) => (id.startsWith('\0unused:') ? 'module.exports = {};' : undefined),
};

/**
 * Builds the program: JavaScript in a few files, which starts in a fraction of the time and memory that
 * the sources take, and the code that V8 compiles from them.
 *
 * @param folder must be inside the project: the native libraries are looked for from there
 * @returns the file to run
 */
export async function build(folder: string): Promise<string> {
  const bundle = await rolldown({
    input: {
      lawspeaker: path.join(root, 'src/launch.ts'),
      'draw-chart': path.join(root, 'src/services/charts/worker.ts'),
    },
    platform: 'node',
    external: native,
    plugins: [listedCommands, containedExample, builtWorker, withoutUnused, ...lightStart],
    logLevel: 'warn',
  });
  try {
    await bundle.write({
      dir: folder,
      format: 'esm',
      sourcemap: true,
      // Names stay, so that a stack in the log can be read.
      minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
      cleanDir: true,
      chunkFileNames: '[name]-[hash].js',
    });
  } finally {
    await bundle.close();
  }
  const program = path.join(folder, 'lawspeaker.js');
  await fillCompileCache(folder);
  return program;
}

/** Loads every part of the program once, so that its first start finds all of it compiled. */
async function fillCompileCache(folder: string): Promise<void> {
  const parts = (await readdir(folder))
    .filter((file) => file.endsWith('.js') && !/^(?:lawspeaker|main)\b/u.test(file))
    .map((file) => path.join(folder, file));
  await promisify(execFile)(process.execPath, [
    fileURLToPath(new URL('load-parts.ts', import.meta.url)),
    // `src/launch.ts` reads it there.
    path.join(folder, 'compiled'),
    ...parts,
  ]);
}
