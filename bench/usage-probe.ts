/**
 * Preloaded into a process (`node --import …/usage-probe.ts …`), this sends the parent what the process has
 * used when it exits, its own start included: CPU time, and the most memory it held.
 */
import { readFileSync } from 'node:fs';

process.on('exit', () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  // `maxRSS` also counts what the parent held when it forked. Source: proc_pid_status(5).
  const [, peakKb] = /^VmHWM:\s+(\d+) kB/mu.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  process.send?.({ cpuMs: (userCPUTime + systemCPUTime) / 1000, memoryMb: Number(peakKb) / 1024 });
});
