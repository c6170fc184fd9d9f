import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A disk of its own, which only the commands that it launches can see. It ends with this process. */
export interface SmallDisk {
  /** The words of a command that runs the command after it, with the disk in place. */
  readonly launcher: readonly string[];
  /** Leaves no room on it. */
  fill(): Promise<void>;
  free(): Promise<void>;
  remove(): Promise<void>;
}

/** Mounts the disk where only this process and what it launches see it, and waits until nobody needs it. */
const holder = `mount -t tmpfs -o size=$2m,mode=0777 tmpfs "$1" && echo ready && exec cat >/dev/null`;

/**
 * Makes a disk in memory at a new folder.
 *
 * @returns undefined if this system lets nobody mount a disk, not even one for itself
 */
export async function makeSmallDisk(
  folder: string,
  megabytes: number,
): Promise<SmallDisk | undefined> {
  await mkdir(folder);
  await chmod(folder, 0o777);
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? [] : ['--user', '--map-current-user', '--keep-caps'];
  const child = spawn(
    'unshare',
    [...user, '--mount', 'sh', '-c', holder, 'sh', folder, String(megabytes)],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  const exited = once(child, 'exit').catch(() => undefined);
  const ready = await Promise.race([
    once(child.stdout, 'data').then(() => true),
    exited.then(() => false),
  ]);
  if (!ready) {
    return undefined;
  }
  const joined = isRoot ? [] : ['--user', '--preserve-credentials'];
  const launcher = ['nsenter', '--target', String(child.pid), '--mount', ...joined, '--'];
  const shell = async (script: string) =>
    run('nsenter', [...launcher.slice(1), 'sh', '-c', script, 'sh', path.join(folder, 'ballast')]);
  return {
    launcher,
    async fill() {
      // It fails when the disk is full.
      await shell('cat /dev/zero >"$1" 2>/dev/null || true');
    },
    async free() {
      await shell('rm -f "$1"');
    },
    async remove() {
      child.stdin.end();
      await exited;
    },
  };
}
