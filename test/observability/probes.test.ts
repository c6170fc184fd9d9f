import { expect, test } from 'vitest';

import { openProbes } from '../../src/observability/probes.ts';
import { freePort } from '../support/free-port.ts';

test('whoever looks at the probes sees that the bot can’t speak, and when it can again', async () => {
  const port = await freePort();
  const probes = await openProbes(
    { host: '127.0.0.1', port, written: `127.0.0.1:${port}` },
    { version: '1', log: { error: () => undefined } },
  );
  try {
    let why: string | undefined = 'its account is suspended';
    probes.watch({
      syncAgeMs: () => 10,
      homeservers: () => [],
      syncFailures: () => 0,
      maxSyncAgeMs: 75_000,
      whyUnableToSend: () => why,
      reportReadings: () => [],
      maxReportFailureMs: 300_000,
      readDatabase: async () => undefined,
      values: async () => Promise.reject(new Error('no database')),
    });
    probes.started();
    const ask = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: answer.status, text: await answer.text() };
    };
    expect(await ask('/health/ready')).toMatchObject({
      status: 503,
      text: expect.stringContaining('suspended') as string,
    });
    expect((await ask('/metrics')).text).toContain('\nlawspeaker_can_speak 0\n');
    why = undefined;
    expect(await ask('/health/ready')).toMatchObject({ status: 200 });
    expect((await ask('/metrics')).text).toContain('\nlawspeaker_can_speak 1\n');
  } finally {
    await probes.close();
  }
});

test('a process that stands by is alive, not ready, and alerts nobody', async () => {
  const port = await freePort();
  const probes = await openProbes(
    { host: '127.0.0.1', port, written: `127.0.0.1:${port}` },
    { version: '1', log: { error: () => undefined } },
  );
  try {
    const ask = async (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    probes.standsBy();
    expect((await ask('/health/live')).status).toBe(200);
    expect((await ask('/health/ready')).status).toBe(503);
    expect(await (await ask('/metrics')).text()).not.toMatch(/^lawspeaker_(?:ready|database)/mu);
  } finally {
    await probes.close();
  }
});
