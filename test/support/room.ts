import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Moderator } from '../../dev/room/moderator.ts';
import { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import type { RegisterOptions } from '../../dev/synapse/matrix-user.ts';
import { startApp } from '../../src/app/app.ts';
import type { App } from '../../src/app/app.ts';
import type { Timing } from '../../src/app/timing.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { Config, WrittenConfig } from '../../src/config/schema.ts';
import { serverNameOf } from '../../src/core/ids.ts';
import { createLog } from '../../src/observability/log.ts';
import type { TestHomeserver } from './global-setup.ts';
import { homeserver, idOf, uniqueLocalpart } from './homeserver.ts';
import { createTestDatabase } from './test-database.ts';
import type { TestDatabase } from './test-database.ts';

/** What a test may set; the rest is the room's business. */
export type Settings = Partial<
  Omit<WrittenConfig, 'homeserver' | 'managementRoom' | 'database'>
> & {
  readonly homeserver?: {
    readonly url?: string;
    readonly adminUrl?: string;
    readonly requestTimeout?: string;
  };
};

/** A management room with people and a running bot in it. */
export interface TestRoom {
  readonly id: string;
  readonly bot: MatrixUser;
  /** Made the room: role admin. */
  readonly ana: Moderator;
  /** Power level 50: role moderator. */
  readonly ben: Moderator;
  /** Power level 0: role viewer. */
  readonly vic: Moderator;
  readonly config: Config;
  /** For files of a test. */
  readonly folder: string;
  readonly database: TestDatabase;
  /** A URL if the run is made on PostgreSQL. */
  readonly databaseFile: string;
  /** Rejects when the bot can't go on. */
  ended(): Promise<never>;
  /** Stops the bot. */
  stopBot(): Promise<void>;
  /** Starts the bot again on the same database, with these keys of `reports` and these times changed. */
  startBot(reports?: Partial<Config['reports']>, times?: Timing): Promise<void>;
  close(): Promise<void>;
}

/** A configuration with one homeserver, as a file has it. */
export function asWritten({ otherHomeservers: _none, database, ...config }: Config): object {
  const { path: file, url } = database;
  return { ...config, database: url === undefined ? { path: file } : { url } };
}

/** Opens a management room on the run's Synapse and starts the bot in this process. */
export async function openRoom(
  settings: Settings = {},
  options: {
    roomVersion?: string;
    timing?: Timing;
    /** Another than the run's. */
    server?: Pick<TestHomeserver, 'url' | 'sharedSecret'>;
    /** Homeservers that the bot works on beside the first. */
    others?: NonNullable<WrittenConfig['homeservers']>;
    /** Another than one of the run's. */
    database?: TestDatabase;
    /** How people get an account there; by the shared secret by default. */
    register?: (account: RegisterOptions) => Promise<MatrixUser>;
  } = {},
): Promise<TestRoom> {
  const server = options.server ?? homeserver();
  const { url } = server;
  const { register = async (account: RegisterOptions) => MatrixUser.register(server, account) } =
    options;
  const newUser = async (prefix: string, account: Omit<RegisterOptions, 'localpart'>) =>
    register({ localpart: uniqueLocalpart(prefix), ...account });
  const [bot, ana, ben, vic] = await Promise.all([
    newUser('bot', { admin: true }),
    newUser('ana', { displayName: 'Ana' }),
    newUser('ben', { displayName: 'Ben' }),
    newUser('vic', { displayName: 'Vic' }),
  ]);
  const id = await ana.createRoom({
    preset: 'private_chat',
    invite: [bot.userId, ben.userId, vic.userId],
    ...(options.roomVersion === undefined ? {} : { room_version: options.roomVersion }),
    power_level_content_override: {
      users: {
        [ben.userId]: 50,
        // Before version 12 creators hold a power level, and replacing the list would take it.
        ...(options.roomVersion === undefined ? {} : { [ana.userId]: 100 }),
      },
    },
  });
  await Promise.all([ben.join(id), vic.join(id)]);
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-test-'));
  const database = options.database ?? (await createTestDatabase());
  const own = { url, accessToken: bot.account.accessToken, ...settings.homeserver };
  const serverName = serverNameOf(idOf(bot)) ?? '';
  const { others } = options;
  const config = configSchema.parse({
    // Every test's reports are on the same server; see `openReportRoom`.
    reports: { enabled: false },
    ...settings,
    ...(others === undefined
      ? { homeserver: own }
      : { homeservers: [{ serverName, ...own }, ...others] }),
    managementRoom: id,
    database: database.config,
  });
  const log = await createLog({
    level: process.env['LAWSPEAKER_TEST_LOG'] ?? 'silent',
    format: 'json',
  });
  // A head of the audit log's chain, or a greeting, would come between what a test waits for.
  const timing: Timing = { headLookMs: 3_600_000, greets: false, ...options.timing };
  let app: App | undefined = await startApp(config, log, timing);
  const anaLooking = await new Moderator(ana, id).look();
  const benLooking = new Moderator(ben, id).lookWith(anaLooking);
  const vicLooking = new Moderator(vic, id).lookWith(anaLooking);
  const stopBot = async () => {
    await app?.stop();
    app = undefined;
  };
  return {
    id,
    bot,
    ana: anaLooking,
    ben: benLooking,
    vic: vicLooking,
    config,
    folder,
    database,
    databaseFile: database.place,
    async ended() {
      if (app === undefined) {
        throw new Error('the bot does not run');
      }
      return app.ended;
    },
    stopBot,
    async startBot(reports = {}, times = {}) {
      const changed = { ...config, reports: { ...config.reports, ...reports } };
      app = await startApp(changed, log, { ...timing, ...times });
    },
    async close() {
      await stopBot();
      await anaLooking.lookAway();
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
