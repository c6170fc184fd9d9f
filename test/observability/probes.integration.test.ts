import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { openGate } from '../../dev/room/gate.ts';
import type { Gate } from '../../dev/room/gate.ts';
import { startApp } from '../../src/app/app.ts';
import { healthcheck } from '../../src/cli/healthcheck.ts';
import { SetupError } from '../../src/core/errors.ts';
import { createLog } from '../../src/observability/log.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import { freePort } from '../support/free-port.ts';
import { homeserver, newUser } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';
import { onPostgres } from '../support/test-database.ts';

let gate: Gate;
let room: TestRoom;
let address: string;
beforeAll(async () => {
  gate = await openGate(homeserver().url);
  address = `127.0.0.1:${await freePort()}`;
  room = await openRoom(
    {
      homeserver: { url: gate.url },
      http: { listen: address },
      reports: {
        enabled: false,
        rules: [{ name: 'never', when: { sender: 'local' }, mode: 'observe', alert: true }],
      },
    },
    { timing: { longPollMs: 200, syncMarginMs: 600 } },
  );
});
afterAll(async () => {
  gate.open();
  await room.close();
  await gate[Symbol.asyncDispose]();
});

async function ask(path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://${address}${path}`);
  return { status: response.status, text: await response.text() };
}

/** Looks until the probe says this, as an orchestrator does. */
async function untilReady(status: number, text: string | RegExp): Promise<void> {
  await vi.waitFor(
    async () => {
      const answer = await ask('/health/ready');
      expect(answer).toEqual({ status, text: expect.stringMatching(text) });
    },
    { timeout: 15_000, interval: 50 },
  );
}

/** The samples of one metric, by their labels. */
async function metric(name: string): Promise<Record<string, number>> {
  const { text } = await ask('/metrics');
  const lines = text.split('\n').filter((line) => line.replace(/[{ ].*/u, '') === name);
  return Object.fromEntries(
    lines.map((line) => [
      line.slice(name.length, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  );
}

/** Three reports on two messages, one of which is claimed and resolved, one still open. */
async function fillQueue(store: Store): Promise<void> {
  const now = Date.now();
  const report = (id: number, subject: string, reporter: string) => ({
    kind: 'event' as const,
    reportId: id,
    receivedTs: now - 3_600_000 + id,
    subject,
    reporter,
    reason: 'spam',
    score: null,
    roomId: '!lobby:x',
    roomName: '#lobby:x',
    sender: '@mallory:x',
  });
  await store.transaction(async ({ reports, reportItems, ruleMatches }) => {
    const how = { isBacklog: false, isQuiet: false };
    const hourAgo = now - 3_600_000;
    const first = await reports.add(report(1, '$1', '@rita:x'), hourAgo, how);
    await reports.add(report(2, '$1', '@rob:x'), hourAgo, how);
    await reports.add(report(3, '$2', '@rita:x'), hourAgo, how);
    const item = first?.itemId ?? 0;
    const by = room.ben.user.userId;
    await ruleMatches.add({ itemId: item, rule: 'spam', mode: 'observe' }, now);
    await reportItems.move(item, { state: 'claimed', by, isShown: true }, hourAgo + 120_000);
    await reportItems.move(item, { state: 'resolved', by, isShown: true }, hourAgo + 600_000);
  });
}

it('an operator sees what the bot did, and a restart loses none of it', async () => {
  expect(await ask('/health/live')).toEqual({ status: 200, text: 'alive\n' });
  expect(await ask('/health/ready')).toEqual({ status: 200, text: 'ready\n' });
  const mallory = await newUser('mallory');
  await room.ben.ask(`!shadow-ban ${mallory.userId} --reason "a <secret> reason"`);
  await room.vic.ask(`!shadow-ban ${mallory.userId}`);
  const store = await openStore(room.databaseFile);
  await fillQueue(store);
  await store.close();
  const ben = room.ben.user.userId;

  const check = async () => {
    expect(await metric('lawspeaker_report_items')).toEqual({
      '{state="open"}': 1,
      '{state="claimed"}': 0,
      '{state="resolved"}': 1,
      '{state="dismissed"}': 0,
    });
    expect(await metric('lawspeaker_reports_total')).toEqual({ '': 3 });
    expect((await metric('lawspeaker_report_oldest_open_seconds'))['']).toBeGreaterThan(3599);
    expect(await metric('lawspeaker_report_claim_seconds_sum')).toEqual({ [`{by="${ben}"}`]: 120 });
    expect(await metric('lawspeaker_report_resolve_seconds_sum')).toEqual({
      [`{state="resolved",by="${ben}"}`]: 600,
    });
    expect(await metric('lawspeaker_rule_firings_total')).toEqual({
      '{rule="spam",mode="observe"}': 1,
      '{rule="never",mode="observe"}': 0,
    });
    expect(await metric('lawspeaker_actions_total')).toEqual({
      '{command="shadow-ban",status="done"}': 1,
      '{command="shadow-ban",status="denied"}': 1,
    });
    expect(await metric('lawspeaker_work_total')).toEqual({
      [`{by="${ben}",what="asked"}`]: 1,
      [`{by="${ben}",what="claimed"}`]: 1,
      [`{by="${ben}",what="resolved"}`]: 1,
    });
    expect(await metric('lawspeaker_executions_open')).toEqual({ '': 0 });
    expect(await metric('lawspeaker_ready')).toEqual({ '': 1 });
  };
  await check();
  await check();
  const { text } = await ask('/metrics');
  expect(text).toMatch(/lawspeaker_homeserver_request_seconds_count\{api="admin",method="POST"/u);
  expect(text).not.toContain(room.bot.account.accessToken);
  expect(text).not.toContain('secret');
  expect(text).not.toContain('mallory');

  await room.stopBot();
  await expect(ask('/health/live')).rejects.toThrow('fetch failed');
  await room.startBot();
  await check();
});

it('`lawspeaker healthcheck` says the same as the probe', async () => {
  await untilReady(200, 'ready');
  let text = '';
  const listen = { host: '127.0.0.1', port: Number(address.split(':')[1]) };
  const isReady = await healthcheck({ http: { listen } }, async (more) => void (text += more));
  expect({ isReady, text }).toEqual({ isReady: true, text: 'ready\n' });
});

it('not ready while syncing fails, or hangs, though the bot is alive', async () => {
  gate.close(/\/sync/);
  await untilReady(503, /^sync: the homeserver last answered \d+ s ago, more than 1 s\n$/u);
  expect((await ask('/health/live')).status).toBe(200);
  expect(await metric('lawspeaker_ready')).toEqual({ '': 0 });
  gate.open();
  await untilReady(200, 'ready');

  const meeting = gate.meet('GET', /\/sync/);
  const held = await meeting;
  await untilReady(503, /^sync: /u);
  held.drop();
  await untilReady(200, 'ready');
});

it('says that it is starting while it waits for the homeserver', async () => {
  await room.stopBot();
  gate.close(/./);
  const starting = room.startBot();
  await vi.waitFor(async () => expect((await ask('/health/live')).status).toBe(200));
  await untilReady(503, /^the bot is starting: waiting for the homeserver\n$/u);
  expect(await metric('lawspeaker_reports_total')).toEqual({});
  gate.open();
  await starting;
  await untilReady(200, 'ready');
});

it('two bots can’t have one port, and the second is told what to do', async () => {
  const fault = await openRoom({ http: { listen: address } }).catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(SetupError);
  expect((fault as SetupError).message).toContain(
    `port ${address.split(':').at(-1)} is already in use`,
  );
  expect((fault as SetupError).advice).toContain('http.listen');
});

// On PostgreSQL, it would stand by.
it.skipIf(onPostgres)(
  'a second bot with the same configuration and file hears of the first one, not of its port',
  async () => {
    await expect(
      startApp(room.config, await createLog({ level: 'silent', format: 'json' })),
    ).rejects.toThrow('Another Lawspeaker already uses the database');
  },
);
