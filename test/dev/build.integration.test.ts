import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, inject, test } from 'vitest';

import { program } from '../../dev/room/bot-process.ts';

/** Says at the end of a process which of these parts of Node it has loaded. */
const probe = `data:text/javascript,${encodeURIComponent(`
  process.on('exit', () => {
    const loaded = process.moduleLoadList.filter((name) => /undici|http2|_http_client/u.test(name));
    process.stderr.write('LOADED ' + loaded.join(' '));
  });
`)}`;

test('the build loads neither HTTP/2 nor the fetch of Node, which would make its start slower', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-test-'));
  try {
    const config = path.join(folder, 'lawspeaker.yaml');
    await writeFile(
      config,
      JSON.stringify({
        homeserver: { url: inject('homeserver').url, accessToken: 'none' },
        managementRoom: '!room:localhost',
        database: { path: path.join(folder, 'lawspeaker.db') },
      }),
      { mode: 0o600 },
    );
    const { stderr } = spawnSync(
      process.execPath,
      ['--import', probe, program, 'check-config', '--config', config],
      { encoding: 'utf8' },
    );
    // It gets as far as reading the answer to a request.
    expect(stderr).toContain('M_UNKNOWN_TOKEN');
    expect(/LOADED (.*)$/u.exec(stderr)?.[1]).toBe('NativeModule _http_client');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
