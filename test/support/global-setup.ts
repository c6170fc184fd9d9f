import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { TestProject } from 'vitest/node';

import { build } from '../../dev/build/build.ts';
import { startHomeserver } from '../../dev/synapse/homeserver.ts';
import type { Homeserver } from '../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import type { Account } from '../../dev/synapse/matrix-user.ts';
import { createAdminApi } from '../../src/homeserver/admin/admin-api.ts';

/** The run's Synapse, as far as tests in other processes can know it. */
export type TestHomeserver = Pick<Homeserver, 'url' | 'serverName' | 'sharedSecret'> & {
  /** A server admin that no test may change: all tests share it. */
  readonly admin: Account;
};

declare module 'vitest' {
  interface ProvidedContext {
    homeserver: TestHomeserver;
  }
}

/** Of this run alone: two may be made at once. */
const buildFolder = fileURLToPath(
  new URL(`../../node_modules/.cache/lawspeaker-test-${process.pid}`, import.meta.url),
);

/**
 * Builds the program that tests run as a process, as users do, and starts one Synapse for the whole run.
 * Afterwards stops it.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [homeserver, program] = await Promise.all([
    startHomeserver({ onProgress: (line) => process.stderr.write(`${line}\n`) }),
    build(buildFolder),
  ]);
  // The processes that tests run in are started after this one has finished.
  process.env['LAWSPEAKER_TEST_PROGRAM'] = program;
  try {
    const { url, serverName, sharedSecret } = homeserver;
    // A server from LAWSPEAKER_TEST_HOMESERVER_URL may know the admins of earlier runs.
    const localpart = `admin-${Date.now().toString(36)}`;
    const { account: admin } = await MatrixUser.register(homeserver, { localpart, admin: true });
    await backgroundUpdatesDone(homeserver, admin.accessToken);
    project.provide('homeserver', { url, serverName, sharedSecret, admin });
  } catch (error) {
    await homeserver.stop();
    throw error;
  }
  return async () => {
    await rm(buildFolder, { recursive: true, force: true });
    await homeserver.stop();
  };
}

/** Between two updates none is shown: only several looks tell that there are no more. */
async function backgroundUpdatesDone({ url }: Homeserver, accessToken: string): Promise<void> {
  const { server } = createAdminApi({ url, accessToken });
  const deadlineMs = Date.now() + 60_000;
  for (let idleLooks = 0; idleLooks < 5 && Date.now() < deadlineMs; await delay(20)) {
    const { currentUpdates } = await server.backgroundUpdateStatus();
    idleLooks = Object.keys(currentUpdates).length === 0 ? idleLooks + 1 : 0;
  }
}
