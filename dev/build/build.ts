import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { rolldown } from 'rolldown';
import type { Plugin } from 'rolldown';

import { groups } from '../../src/chat/command/declaration.ts';
import { unusedPackages } from '../../src/matrix/crypto/unused-packages.ts';

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
          ({ group, file }, at) =>
            `import * as module${at} from '../../commands/${group}/${file}';`,
        ),
        `const modules = [${modules.map(({ group }, at) => `['${group}', module${at}]`).join(', ')}];`,
        'export const loadCommands = async () =>',
        '  modules.flatMap(([group, module]) =>',
        '    module.default === undefined ? [] : [{ ...module.default, group }]);',
      ].join('\n');
    },
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
 * the sources take.
 *
 * @param folder must be inside the project: the native libraries are looked for from there
 * @returns the file to run
 */
export async function build(folder: string): Promise<string> {
  const bundle = await rolldown({
    input: { main: path.join(root, 'src/main.ts') },
    platform: 'node',
    external: native,
    plugins: [listedCommands, withoutUnused],
    logLevel: 'warn',
  });
  try {
    await bundle.write({
      dir: folder,
      format: 'esm',
      sourcemap: true,
      cleanDir: true,
      chunkFileNames: '[name]-[hash].js',
    });
  } finally {
    await bundle.close();
  }
  return path.join(folder, 'main.js');
}
