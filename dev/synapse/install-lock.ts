import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { isAlive } from './guarded-child.ts';
import { systemCode } from './setup-error.ts';

const POLL_INTERVAL_MS = 250;
const HEARTBEAT_INTERVAL_MS = 5_000;
/** A holder that hasn't been heard of for so long is gone, even if its pid is in use again. */
const STALE_AFTER_MS = 60_000;

/**
 * Takes the lock file at `path`, waiting while another live process holds it. The lock of a dead
 * process is taken over. It only saves double work: what it guards must stand two holders at once,
 * which a suspended machine or a lost race for a dead holder's lock can bring about.
 *
 * @param onWait called once, with the holder's pid, when it has to wait.
 * @returns gives the lock back.
 */
export async function takeLock(
  path: string,
  onWait: (pid: number) => void,
): Promise<() => Promise<void>> {
  // Written aside and linked into place, so that nobody ever reads a lock without its pid.
  const own = `${path}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const content = `${process.pid} ${own}`;
  await writeFile(own, content, { flag: 'wx' });
  try {
    let told = false;
    while (!(await tryLink(own, path))) {
      const holder = await readHolder(path);
      if (holder === undefined) continue;
      if (holder.stale) {
        await setAside(path, `${own}-stale`);
        continue;
      }
      if (!told) onWait(holder.pid);
      told = true;
      await delay(POLL_INTERVAL_MS);
    }
  } finally {
    await rm(own, { force: true });
  }

  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, HEARTBEAT_INTERVAL_MS);
  heartbeat.unref();

  return async () => {
    clearInterval(heartbeat);
    const current = await readFile(path, 'utf8').catch(() => undefined);
    if (current === content) await rm(path, { force: true });
  };
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<{ pid: number; stale: boolean } | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const pid = Number.parseInt(text, 10);
    const unheard = Date.now() - mtimeMs > STALE_AFTER_MS;
    return { pid, stale: unheard || !Number.isInteger(pid) || !isAlive(pid) };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Renaming is what only one of several can do; what they did get hold of is looked at again. */
async function setAside(path: string, aside: string): Promise<void> {
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  const holder = await readHolder(aside);
  if (holder !== undefined && !holder.stale) await tryLink(aside, path);
  await rm(aside, { force: true });
}
