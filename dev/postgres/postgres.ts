import { execFile, execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { poll } from '../../src/core/async/poll.ts';
import type { SmallDisk } from './small-disk.ts';
import { makeSmallDisk } from './small-disk.ts';

const run = promisify(execFile);

/** A PostgreSQL of its own, which only listens on a socket in its folder. */
export interface Postgres {
  /** The URL of a database. */
  url(database: string): string;
  /** Its socket. */
  readonly socket: string;
  /** The disk that its data is on, if it has one of its own. */
  readonly disk: SmallDisk | undefined;
  /** Restarts it, as an update of the system does. If it has ended by itself, starts it. */
  restart(whileStopped?: () => Promise<void>): Promise<void>;
  /** Restarts it after a power cut: what was not flushed to the disk is lost. */
  cutPower(): Promise<void>;
  /** Whether it has not ended by itself. */
  isRunning(): boolean;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const packages = '/usr/lib/postgresql';

/** The folder of the system's PostgreSQL; undefined if it is not installed. */
export function postgresFolder(): string | undefined {
  const packaged = existsSync(packages)
    ? readdirSync(packages)
        .toSorted((one, other) => Number(other) - Number(one))
        .map((version) => path.join(packages, version, 'bin'))
    : [];
  const all = [...(process.env['PATH'] ?? '').split(path.delimiter), ...packaged];
  return all.find((folder) =>
    ['initdb', 'pg_ctl', 'postgres'].every((name) => existsSync(path.join(folder, name))),
  );
}

/** PostgreSQL refuses to run as root. */
function otherUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) {
    return undefined;
  }
  for (const user of ['postgres', 'nobody']) {
    try {
      const id = (option: string) =>
        Number(execFileSync('id', [option, user], { encoding: 'utf8', stdio: 'pipe' }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // There is no such user.
    }
  }
  throw new Error('PostgreSQL refuses to run as root: create the user postgres or nobody');
}

/**
 * Runs PostgreSQL until its standard input ends: it can't outlive this process, however this process ends. Nobody is
 * left then to remove its folder.
 */
const guard = `
  folder=$1; shift
  exec 3<&0
  "$@" 3<&- </dev/null &
  cat <&3 >/dev/null
  kill -QUIT $! 2>/dev/null
  wait $!
  [ -e "$folder/kept" ] || rm -rf "$folder"
`;

const settings = {
  listen_addresses: '',
  // What the machine loses with it is of no value.
  fsync: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  max_connections: '200',
  // What need not be flushed stays in memory for long, so that `cutPower` takes it.
  wal_writer_delay: '10s',
  bgwriter_lru_maxpages: '0',
  shared_buffers: '64MB',
};

/** How long a start takes at most, on a busy machine. */
const startLimits = { firstIntervalMs: 20, maxIntervalMs: 200, limitMs: 30_000 };

export interface PostgresOptions {
  /** Puts the data on a disk of its own, of so many megabytes, if the system allows that. */
  readonly diskMb?: number;
}

/** Starts a throwaway PostgreSQL. */
export async function startPostgres({ diskMb }: PostgresOptions = {}): Promise<Postgres> {
  const bin = postgresFolder();
  if (bin === undefined) {
    throw new Error('PostgreSQL is not installed');
  }
  const user = otherUser();
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-postgres-'));
  const disk =
    diskMb === undefined ? undefined : await makeSmallDisk(path.join(folder, 'disk'), diskMb);
  const data = path.join(folder, disk === undefined ? 'data' : 'disk/data');
  const kept = path.join(folder, 'kept');
  /** It is there while PostgreSQL runs. */
  const pidFile = path.join(folder, 'pid');
  const url = (database: string) => `postgres://lawspeaker@localhost/${database}?host=${folder}`;
  const [launcher, options] = launching(user, disk);

  async function start(): Promise<ChildProcess> {
    const all = { ...settings, unix_socket_directories: folder, external_pid_file: pidFile };
    const guarded = ['sh', '-c', guard, 'sh', folder];
    const [command = 'sh', ...words] = [
      ...launcher,
      ...guarded,
      path.join(bin ?? '', 'postgres'),
      '-D',
      data,
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ];
    const child = spawn(command, words, {
      ...options,
      cwd: folder,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const isReady = await poll(async () => answers(url('postgres')), startLimits);
    if (isReady === undefined) {
      await end(child);
      throw new Error('PostgreSQL does not start');
    }
    return child;
  }

  let child: ChildProcess;
  try {
    if (user !== undefined) {
      await chown(folder, user.uid, user.gid);
    }
    const how = ['-A', 'trust', '-U', 'lawspeaker', '-E', 'UTF8', '--locale=C', '--no-sync'];
    const [command = 'initdb', ...words] = [
      ...launcher,
      path.join(bin, 'initdb'),
      '-D',
      data,
      ...how,
      // What it sets aside for its log must not take most of a small disk.
      ...(disk === undefined ? [] : ['--wal-segsize=1']),
    ];
    await run(command, words, { ...options, cwd: folder });
    child = await start();
  } catch (error) {
    await disk?.remove();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }

  /** @param signal how it is ended */
  async function startAgain(
    signal: 'SIGINT' | 'SIGQUIT',
    whileStopped: () => Promise<void>,
  ): Promise<void> {
    await writeFile(kept, '');
    if (existsSync(pidFile)) {
      process.kill(Number(await readFile(pidFile, 'utf8')), signal);
    }
    const isStopped = await poll(async () => (existsSync(pidFile) ? undefined : true), startLimits);
    if (isStopped === undefined) {
      throw new Error('PostgreSQL does not stop');
    }
    await end(child);
    await whileStopped();
    await rm(kept);
    child = await start();
  }

  return {
    url,
    socket: path.join(folder, '.s.PGSQL.5432'),
    disk,
    restart: async (whileStopped = async () => undefined) => startAgain('SIGINT', whileStopped),
    // All processes end at once, and with them what they had only in memory.
    cutPower: async () => startAgain('SIGQUIT', async () => undefined),
    isRunning: () => existsSync(pidFile),
    async stop() {
      await end(child);
      await disk?.remove();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type User = ReturnType<typeof otherUser>;

/** How to run a command as this user, and where the disk is. Only root can join it, so the user changes afterwards. */
function launching(user: User, disk: SmallDisk | undefined): [readonly string[], object] {
  if (disk === undefined || user === undefined) {
    return [disk?.launcher ?? [], user ?? {}];
  }
  const { uid, gid } = user;
  const become = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'];
  return [[...disk.launcher, ...become], {}];
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null) {
    child.stdin?.end();
    await once(child, 'exit');
  }
}

async function answers(url: string): Promise<true | undefined> {
  const { Client } = (await import('pg')).default;
  const client = new Client(url);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return undefined;
  }
}
