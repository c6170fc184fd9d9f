import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { startBotProcess } from '../dev/room/bot-process.ts';
import type { BotProcess } from '../dev/room/bot-process.ts';
import { Moderator } from '../dev/room/moderator.ts';
import { startHomeserver } from '../dev/synapse/homeserver.ts';
import type { Homeserver } from '../dev/synapse/homeserver.ts';
import { MatrixUser } from '../dev/synapse/matrix-user.ts';

/** A Synapse of its own, with a management room and its moderator. */
export interface BenchRoom extends AsyncDisposable {
  readonly homeserver: Homeserver;
  readonly id: string;
  /** The bot's account. */
  readonly bot: MatrixUser;
  readonly moderator: Moderator;
  readonly databaseFile: string;
  /**
   * Runs the bot as users do. It is stopped with the room, if not before.
   *
   * @param launcher the words of a command that runs the command after it, such as `env`
   */
  startBot(config?: object, launcher?: readonly string[]): Promise<BotProcess>;
}

/** Starts a Synapse and opens a management room on it. */
export async function openBenchRoom(): Promise<BenchRoom> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-bench-'));
  const homeserver = await startHomeserver();
  // A homeserver that wasn't started here may have accounts from earlier runs.
  const run = Date.now().toString(36);
  const [bot, owner] = await Promise.all([
    MatrixUser.register(homeserver, { localpart: `lawspeaker-${run}`, admin: true }),
    MatrixUser.register(homeserver, { localpart: `ana-${run}`, displayName: 'Ana' }),
  ]);
  const id = await owner.createRoom({ preset: 'private_chat', invite: [bot.userId] });
  await bot.join(id);
  const moderator = await new Moderator(owner, id).look();
  const databaseFile = path.join(folder, 'lawspeaker.db');
  const running = new Set<BotProcess>();
  return {
    homeserver,
    id,
    bot,
    moderator,
    databaseFile,
    async startBot(config = {}, launcher = []) {
      const started = await startBotProcess(
        folder,
        {
          homeserver: { url: homeserver.url, accessToken: bot.account.accessToken },
          managementRoom: id,
          database: { path: databaseFile },
          log: { format: 'json' },
          ...config,
        },
        undefined,
        launcher,
      );
      running.add(started);
      void started.exited.then(() => running.delete(started));
      return started;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map(async (one) => one.stop()));
      await moderator.lookAway();
      await homeserver.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
