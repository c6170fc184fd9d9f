import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { once } from 'node:events';

/**
 * Run by `python -c` around every Python program we start. A child's standard input is a pipe
 * whose other end only this process holds; the kernel closes it however this process ends, also by
 * SIGKILL, so end-of-file means that nobody is left to stop the child. The child leads a process
 * group of its own (`detached`), so what it started goes with it.
 *
 * Arguments: the module to run, a folder to remove at such an end ('' for none), then the module's
 * own arguments.
 */
const GUARD = `
import os, runpy, shutil, signal, sys, threading

module, doomed = sys.argv[1:3]

def outlived():
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    if doomed:
        shutil.rmtree(doomed, ignore_errors=True)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)

threading.Thread(target=outlived, daemon=True).start()
sys.argv[:] = [module] + sys.argv[3:]
runpy.run_module(module, run_name='__main__', alter_sys=True)
`;

export interface GuardedChildOptions {
  python: string;
  /** The Python module, run as `python -m` would. */
  module: string;
  args: readonly string[];
  /** Where standard output and standard error go. */
  output: 'pipe' | number;
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Removed by the child when this process is gone without having stopped it. */
  removeWhenOrphaned?: string;
}

/**
 * Starts a Python module that can't outlive this process, even when this process is killed by
 * SIGKILL. The child doesn't get the terminal's Ctrl-C; whoever starts it ends it.
 */
export function spawnGuarded(options: GuardedChildOptions): ChildProcess {
  const { python, module, args, output, env, cwd, removeWhenOrphaned = '' } = options;
  const stdio: StdioOptions = ['pipe', output, output];
  // -I: neither PYTHON* variables nor a folder named like a module in cwd may get in the way.
  const pythonArgs = ['-I', '-c', GUARD, module, removeWhenOrphaned, ...args];
  return spawn(python, pythonArgs, { stdio, env, cwd, detached: true });
}

/** Whether the child has started and not ended yet. */
export function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/**
 * Ends a child: by SIGTERM, and by SIGKILL when it is still there after `graceMs` (0: at once).
 * Returns when it has ended.
 */
export async function endChild(child: ChildProcess, graceMs: number): Promise<void> {
  if (!isRunning(child)) return;
  const ended = once(child, 'exit');
  const killTimer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  if (graceMs > 0) child.kill('SIGTERM');
  await ended;
  clearTimeout(killTimer);
}

/** Whether a process with this id exists (also one of another user). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
