import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { program } from '../dev/room/bot-process.ts';
import { openStore } from '../src/store/store.ts';
import { spread } from './measurement.ts';
import type { Benchmark } from './measurement.ts';

/**
 * Preloaded into a process, this writes to file descriptor 3 what the process has used by the time it exits,
 * including its start. It is JavaScript, because loading TypeScript would be most of what is measured.
 * `maxRSS` would also count what the parent held when it forked; `VmHWM` doesn't. Source: proc_pid_status(5).
 */
const usageProbe = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync, writeSync } from 'node:fs';
  process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    const [, peakKb] = /^VmHWM:\\s+(\\d+) kB/mu.exec(readFileSync('/proc/self/status', 'utf8'));
    writeSync(3, JSON.stringify({ cpuMs: (user + system) / 1000, memoryMb: peakKb / 1024 }));
  });
`)}`;

/** Measures the CPU time and memory of `lawspeaker --version` and `lawspeaker audit list`. */
export const commandLine: Benchmark = async ({ short }) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-bench-'));
  try {
    const database = path.join(folder, 'lawspeaker.db');
    const config = path.join(folder, 'lawspeaker.yaml');
    await writeFile(
      config,
      JSON.stringify({
        homeserver: { url: 'http://127.0.0.1:1', accessToken: 'none' },
        managementRoom: '!room:localhost',
        database: { path: database },
      }),
      { mode: 0o600 },
    );
    await (await openStore(database)).close();
    const rounds = short ? 2 : 15;
    const version = await repeat(rounds, ['--version']);
    const list = await repeat(rounds, ['audit', 'list', '--config', config]);
    return [
      { what: '--version: CPU', unit: 'ms', ...version.cpu, goal: { median: 150 } },
      { what: '--version: memory', unit: 'MB', ...version.memory, goal: { median: 70 } },
      { what: 'audit list: CPU', unit: 'ms', ...list.cpu, goal: { median: 150 } },
      { what: 'audit list: memory', unit: 'MB', ...list.memory },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

async function repeat(rounds: number, words: readonly string[]) {
  const used: Usage[] = [];
  for (let round = -1; round < rounds; round++) {
    const one = await run(words);
    if (round >= 0) {
      used.push(one);
    }
  }
  return {
    cpu: spread(used.map(({ cpuMs }) => cpuMs)),
    memory: spread(used.map(({ memoryMb }) => memoryMb)),
  };
}

interface Usage {
  readonly cpuMs: number;
  readonly memoryMb: number;
}

/** Runs the program, and returns what it has used. */
async function run(words: readonly string[]): Promise<Usage> {
  const child = spawn(process.execPath, ['--import', usageProbe, program, ...words], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const told = await text(child.stdio[3] as Readable);
  return JSON.parse(told) as Usage;
}
