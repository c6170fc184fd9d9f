import { readFile } from 'node:fs/promises';

/** The physical memory that a process holds, in MB. Source: proc_pid_status(5), `VmRSS`. */
export async function residentMb(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/mu.exec(status)?.[1]) / 1024;
}

/**
 * How long a process has computed since it started, with all its threads, in milliseconds. Source: proc_pid_stat(5),
 * fields 14 and 15, which Linux counts in hundredths of a second.
 */
export async function computedMs(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name before it may contain anything. `state` is the third field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [fields[11], fields[12]].map(Number);
  return ((user ?? Number.NaN) + (system ?? Number.NaN)) * 10;
}
