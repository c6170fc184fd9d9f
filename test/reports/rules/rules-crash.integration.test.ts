import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';

import { startBotProcess } from '../../../dev/room/bot-process.ts';
import type { BotProcess } from '../../../dev/room/bot-process.ts';
import type { KillPlan } from '../../../dev/room/kill-switch.ts';
import { Moderator } from '../../../dev/room/moderator.ts';
import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { asUserId } from '../../support/homeserver.ts';
import { cardOf, startReportServer } from '../../support/report-room.ts';
import type { ReportServer } from '../../support/report-room.ts';
import { createTestDatabase } from '../../support/test-database.ts';

let server: ReportServer;
beforeAll(async () => {
  server = await startReportServer(2);
});
afterAll(async () => server.stop());

interface Entry {
  readonly command: string;
  readonly status: string;
}

/** What the audit log says was done to somebody and has ended. */
async function reconciledEntries(moderator: Moderator, { userId }: MatrixUser): Promise<Entry[]> {
  const audit = await moderator.ask(`!audit --target ${userId}`);
  return (audit.field.data as Entry[]).filter(
    ({ status }) => status === 'done' || status === 'failed',
  );
}

const points = [
  'after POST admin 1',
  'before PUT admin 1',
  // Two starts of the bot each take their time: the rest is for the night.
  ...(process.env['LAWSPEAKER_TEST_PROFILE'] === 'nightly'
    ? [
        'after commit audit_log+inbox+operation_targets+operations+rule_matches 1',
        'before POST admin 1',
        'after PUT admin 1',
      ]
    : []),
];

it.each(points)(
  'a rule whose bot is killed %s does each of its lines once at most, and ends what it began',
  async (point) => {
    const [bot, ana, mallory] = await Promise.all([
      server.newUser('bot', { admin: true }),
      server.newUser('ana'),
      server.newUser('mallory'),
    ]);
    const room = await ana.createRoom({ preset: 'private_chat', invite: [bot.userId] });
    const lobby = await server.lobby(mallory, ...server.elders);
    const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-rule-'));
    onTestFinished(async () => rm(folder, { recursive: true, force: true }));
    const database = await createTestDatabase();
    onTestFinished(async () => database[Symbol.asyncDispose]());
    const start = async (plan?: KillPlan): Promise<BotProcess> => {
      const started = await startBotProcess(
        folder,
        {
          homeserver: {
            url: server.homeserver.url,
            accessToken: bot.account.accessToken,
            // A busy Synapse that is slower would hold up the second line.
            requestTimeout: '5s',
          },
          managementRoom: room,
          database: database.config,
          reports: {
            pollInterval: '1s',
            rules: [
              {
                name: 'two-lines',
                when: { distinctReporters: { atLeast: 2 } },
                // A list, never a function.
                // oxlint-disable-next-line unicorn/no-thenable
                then: ['shadow-ban {sender}', 'suspend {sender}'],
                mode: 'act',
              },
            ],
          },
        },
        plan,
      );
      // However the test ends, no bot outlives it; what has ended takes no harm.
      onTestFinished(async () => started.kill());
      return started;
    };
    const dying = await start({ at: point });
    const looking = await new Moderator(ana, room).look();
    onTestFinished(async () => looking.lookAway());
    const spam = await mallory.sendText(lobby, 'spam');
    for (const elder of server.elders) {
      await elder.reportEvent(lobby, spam, { reason: 'spam' });
    }
    expect(await dying.exited).toMatchObject({ signal: 'SIGKILL' });

    await start();
    await cardOf(looking, spam, ({ body }) => body.startsWith('✅'));
    // What a crash cut off is known when the homeserver had its time.
    await expect
      .poll(async () => reconciledEntries(looking, mallory), { timeout: 40_000, interval: 300 })
      .toHaveLength(2);
    const entries = await reconciledEntries(looking, mallory);
    const { shadowBanned, suspended } = await server.api.users.get(asUserId(mallory.userId));
    const status = (done: boolean) => (done ? 'done' : 'failed');
    expect(entries).toMatchObject([
      { command: 'suspend', status: status(suspended) },
      { command: 'shadow-ban', status: status(shadowBanned) },
    ]);
    expect(shadowBanned || suspended).toBe(true);
  },
  120_000,
);
