import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect, it } from 'vitest';

import { homeserver } from '../support/homeserver.ts';

const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

it('every benchmark runs', { timeout: 300_000 }, async () => {
  const { url, sharedSecret } = homeserver();
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--short'], {
    env: {
      ...process.env,
      LAWSPEAKER_TEST_HOMESERVER_URL: url,
      LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET: sharedSecret,
    },
  });
  // What the numbers are is for a quiet machine to say.
  for (const what of ['start until ready', '!user: bot ÷ script', 'memory after 24 commands']) {
    expect(stdout).toContain(what);
  }
  expect(stdout).not.toContain('NaN');
});
