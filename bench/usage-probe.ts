/**
 * Preloaded into a process (`node --import …/usage-probe.ts …`), this sends the parent what the process has
 * used when it exits, its own start included: CPU time, and the most memory it ever held.
 */
process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  process.send?.({ cpuMs: (userCPUTime + systemCPUTime) / 1000, memoryMb: maxRSS / 1024 });
});
