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

/** Leaves HTTP/2 out, which takes 20 ms to load. Got loads it always, and uses it only if its option is set. */
const withoutHttp2: Plugin = {
  name: 'without-http2',
  resolveId: (id) => (id === 'node:http2' ? '\0http2' : undefined),
  load: {
    filter: { id: /^\0http2$/u },
    handler: () =>
      [
        'export const constants = {};',
        'export class Http2ServerResponse {}',
        'export default { constants };',
      ].join('\n'),
  },
};

/**
 * Makes the formatters of got's type checks when an error message needs them. V8 searches all locales for the
 * first one, which takes 20 ms.
 */
const lateFormatters: Plugin = {
  name: 'late-formatters',
  transform: {
    filter: { id: /\/node_modules\/@sindresorhus\/is\/distribution\/index\.js$/u },
    handler(code) {
      const made = /const (\w+Formatter) = (new Intl\.ListFormat\(.*\));/gu;
      return {
        code: code
          .replaceAll(/(\w+Formatter)\.format/gu, '$1().format')
          .replaceAll(made, 'const $1 = () => $2;'),
        // Every line stays where it is, so the source map does too.
        map: null,
      };
    },
  },
};

/** Plugins that keep what the bot doesn't need at once from being loaded at its start. */
export const lightStart = [httpAlone, withoutHttp2, lateFormatters];
