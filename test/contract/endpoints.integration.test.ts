import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { installSynapse, synapseVersion } from '../../dev/synapse/install.ts';
import { adminEndpoints } from './admin-endpoints.ts';

const isElsewhere = process.env['LAWSPEAKER_TEST_HOMESERVER_URL'] !== undefined;

/** Prints each method with the pattern of its path, as a Synapse without MAS registers them. */
const listing = `
from unittest.mock import MagicMock
from synapse.rest.admin import register_servlets

class Server:
    def register_paths(self, method, path_patterns, callback, servlet_classname):
        for pattern in path_patterns:
            print(method, pattern.pattern)

homeserver = MagicMock()
homeserver.config.mas.enabled = False
homeserver.config.worker.worker_app = None
register_servlets(homeserver, Server())
`;

/** `GET /_synapse/admin/v1/rooms/{}`: what parameters are called makes no difference. */
const unnamed = (endpoint: string) => endpoint.replaceAll(/\{\w+\}/gu, '{}');

/** The paths that a pattern matches: with and without an optional part at its end. */
function pathsOf(pattern: string): string[] {
  const path = pattern.replaceAll(/^\^|\$$/gu, '');
  const [, start, optional] = /^(.*?)\((\/\(.*\))\)\?$/u.exec(path) ?? [];
  return (optional === undefined ? [path] : [start ?? '', `${start}${optional}`]).map((one) =>
    one.replaceAll(/\(\?P<\w+>[^)]*\)/gu, '{}'),
  );
}

test.skipIf(isElsewhere)(
  `the list has what Synapse ${synapseVersion} registers, and no more (skipped if the Synapse runs elsewhere: its sources are not here)`,
  async () => {
    const python = await installSynapse();
    const { stdout } = await promisify(execFile)(python, ['-c', listing]);
    const registered = stdout
      .split('\n')
      .filter((line) => line.includes('/_synapse/admin/'))
      .flatMap((line) => {
        const [method = '', pattern = ''] = line.split(' ');
        return pathsOf(pattern).map((path) => `${method} ${path}`);
      });
    expect([...new Set(registered)].sort()).toEqual(
      Object.keys(adminEndpoints).map(unnamed).sort(),
    );
  },
);
