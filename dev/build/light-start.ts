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

/** Leaves HTTP/2 out, which takes 20 ms to load. Undici loads it always, and uses it only if its option is set. */
const withoutHttp2: Plugin = {
  name: 'without-http2',
  resolveId: (id) => (id === 'node:http2' ? '\0http2' : undefined),
  load: {
    filter: { id: /^\0http2$/u },
    handler: () => 'export const constants = {};',
  },
};

/**
 * Loads of undici what makes requests. The rest of it, such as `fetch` and its cache, is loaded with it otherwise, and
 * takes 40 ms.
 */
const requestsAlone: Plugin = {
  name: 'requests-alone',
  resolveId: (id) => (id === 'undici' ? '\0undici' : undefined),
  load: {
    filter: { id: /^\0undici$/u },
    handler: () => `
      import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
      import Agent from 'undici/lib/dispatcher/agent.js';
      import request from 'undici/lib/api/api-request.js';
      Dispatcher.prototype.request = request;
      export { Agent };`,
  },
};

/** Plugins that keep what the bot doesn't need at once from being loaded at its start. */
export const lightStart = [httpAlone, withoutHttp2, requestsAlone];
