import http from 'node:http';

import type { Plugin } from 'rolldown';

/** Members of Node's HTTP module that load its WebSocket and `fetch` when they are read. */
const loadedWhenRead = new Set(['WebSocket', 'CloseEvent', 'MessageEvent']);

/**
 * Imports Node's HTTP module without what the bot doesn't use of it. An `import` reads all members of a
 * module, which loads Node's WebSocket and `fetch`: that takes 45 ms.
 */
const httpAlone: Plugin = {
  name: 'http-alone',
  resolveId: (id, _importer, { kind }) =>
    (id === 'node:http' || id === 'http') && kind !== 'require-call' ? '\0http' : undefined,
  load: {
    filter: { id: /^\0http$/u },
    handler() {
      const names = Object.keys(http).filter((name) => !loadedWhenRead.has(name));
      return [
        `const http = process.getBuiltinModule('node:http');`,
        `export const { ${names.join(', ')} } = http;`,
        'export default http;',
      ].join('\n');
    },
  },
};

/** Plugins that keep what the bot doesn't need at once from being loaded at its start. */
export const lightStart = [httpAlone];
