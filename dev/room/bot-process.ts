import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** The real command line, running as its own process. */
export interface BotProcess {
  readonly process: ChildProcess;
  readonly logFile: string;
  /** SIGTERM, and the exit status. */
  stop(): Promise<number | null>;
  /** SIGKILL: what a crash is. */
  kill(): Promise<void>;
}

/**
 * Writes the configuration into `folder` and runs `lawspeaker start` with it; returns when the bot is
 * at work.
 *
 * @throws Error with the bot's last words, when it ends before that
 */
export async function startBotProcess(folder: string, config: object): Promise<BotProcess> {
  const configFile = path.join(folder, 'lawspeaker.yaml');
  const logFile = path.join(folder, 'lawspeaker.log');
  // Every JSON document is YAML.
  await writeFile(configFile, JSON.stringify(config, null, 2), { mode: 0o600 });
  const child = spawn(process.execPath, [main, 'start', '--config', configFile], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  const log = createWriteStream(logFile, { flags: 'a' });
  const words: string[] = [];
  const atWork = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.write(`${line}\n`);
      words.push(line);
      if (line.includes('Lawspeaker is at work')) {
        resolve();
      }
    });
    void exited.then(() => reject(new Error(`the bot ended: ${words.slice(-5).join('\n')}`)));
  });
  await atWork;
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    child.kill(signal);
    await exited;
    log.end();
    return child.exitCode;
  };
  return {
    process: child,
    logFile,
    stop: async () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL');
    },
  };
}
