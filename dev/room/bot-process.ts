import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { KillPlan } from './kill-switch.ts';

/** The program to run: the build if these tests use one, else the sources. */
export const program =
  process.env['LAWSPEAKER_TEST_PROGRAM'] ??
  fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const killSwitch = new URL('kill-switch.ts', import.meta.url).href;

/** How a process exited: with a status, or by a signal. */
export interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The bot, running as a process of its own. */
export interface BotProcess {
  readonly process: ChildProcess;
  readonly logFile: string;
  /** Resolves when it has started. One that stands by has not. Rejects with a BotEndedError. */
  readonly started: Promise<void>;
  /** Resolves when it has exited, for whatever reason. */
  readonly exited: Promise<Exit>;
  /** Sends SIGTERM; resolves with the exit status. */
  stop(): Promise<number | null>;
  /** Sends SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** Gives the kill switch a new plan; false if the process exited first. */
  arm(plan: KillPlan): Promise<boolean>;
}

/** The bot exited before it had started. */
export class BotEndedError extends Error {
  override readonly name = 'BotEndedError';
  readonly exit: Exit;

  constructor(exit: Exit, lastWords: readonly string[]) {
    super(`the bot ended: ${lastWords.join('\n')}`);
    this.exit = exit;
  }
}

/**
 * Writes the configuration into `folder` and runs `lawspeaker start` with it; returns when the bot has
 * started.
 *
 * @param plan a plan for the kill switch, which is then preloaded
 * @param launcher a command that runs the command that follows it
 * @throws BotEndedError with the bot's last log lines, if it exits before that
 */
export async function startBotProcess(
  folder: string,
  config: object,
  plan?: KillPlan,
  launcher: readonly string[] = [],
): Promise<BotProcess> {
  const bot = await launchBotProcess(folder, config, plan, launcher);
  await bot.started;
  return bot;
}

/** The same, but doesn't wait until it has started. */
export async function launchBotProcess(
  folder: string,
  config: object,
  plan?: KillPlan,
  launcher: readonly string[] = [],
): Promise<BotProcess> {
  const configFile = path.join(folder, 'lawspeaker.yaml');
  const logFile = path.join(folder, 'lawspeaker.log');
  // Every JSON document is YAML.
  await writeFile(configFile, JSON.stringify(config, null, 2), { mode: 0o600 });
  const preload = plan === undefined ? [] : ['--import', killSwitch];
  const start = [process.execPath, ...preload, program, 'start', '--config', configFile];
  const [executable = process.execPath, ...words] = [...launcher, ...start];
  const child = spawn(executable, words, {
    stdio: ['ignore', 'ignore', 'pipe', ...(plan === undefined ? [] : ['ipc' as const])],
    env:
      plan === undefined
        ? process.env
        : {
            ...process.env,
            LAWSPEAKER_KILL_SWITCH: JSON.stringify(plan),
          },
  });
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (status, signal) => resolve({ status, signal }));
  });
  const { stderr } = child;
  if (stderr === null) {
    throw new TypeError('the bot has no standard error');
  }
  const log = createWriteStream(logFile, { flags: 'a' });
  void exited.then(() => log.end());
  const lines: string[] = [];
  const started = new Promise<void>((resolve, reject) => {
    createInterface({ input: stderr }).on('line', (line) => {
      if (!log.writableEnded) {
        log.write(`${line}\n`);
      }
      lines.push(line);
      if (line.includes('Lawspeaker started')) {
        resolve();
      }
    });
    void exited.then((exit) => reject(new BotEndedError(exit, lines.slice(-12))));
  });
  started.catch(() => undefined);
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    child.kill(signal);
    return (await exited).status;
  };
  return {
    process: child,
    logFile,
    started,
    exited,
    stop: async () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL');
    },
    async arm(next) {
      const armed = once(child, 'message').then(() => true);
      armed.catch(() => undefined);
      child.send(next, () => undefined);
      return Promise.race([armed, exited.then(() => false)]);
    },
  };
}
