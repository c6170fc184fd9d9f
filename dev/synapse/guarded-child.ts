import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/**
 * Wraps every Python program that we start. Only this process holds the other end of the child's
 * standard input, and the kernel closes it however this process ends, even by SIGKILL. So when the
 * child reads end-of-file, nobody is left to stop it: it removes the folder that it was given and
 * kills its own process group.
 *
 * Arguments: the module to run, the folder to remove ('' for none), the module's own arguments.
 */
const GUARD = `
import os, runpy, shutil, signal, sys, threading

module, folder = sys.argv[1:3]

def guard():
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=guard, daemon=True).start()
sys.argv[:] = [module] + sys.argv[3:]
runpy.run_module(module, run_name='__main__', alter_sys=True)
`;

export interface GuardedChildOptions {
  readonly python: string;
  /** The module to run, as `python -m` does. */
  readonly module: string;
  readonly args: readonly string[];
  /** Where standard output and standard error go: pipes, or a file descriptor. */
  readonly output: 'pipe' | number;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** A folder that the child removes if this process ends without stopping it. */
  readonly removeWhenOrphaned?: string | undefined;
}

/**
 * Starts a Python module that can't outlive this process. It leads its own process group, so it
 * doesn't receive the terminal's Ctrl-C: the caller stops it.
 */
export function spawnGuarded(options: GuardedChildOptions): ChildProcess {
  const { python, module, args, output, env, cwd, removeWhenOrphaned = '' } = options;
  // With -I, neither PYTHON* variables nor files in cwd can shadow a module.
  return spawn(python, ['-I', '-c', GUARD, module, removeWhenOrphaned, ...args], {
    stdio: ['pipe', output, output],
    env,
    cwd,
    detached: true,
  });
}

export function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/**
 * Sends SIGTERM, and SIGKILL if the child still runs after `graceMs` (0: SIGKILL at once).
 * Returns when the child has exited.
 */
export async function endChild(child: ChildProcess, graceMs: number): Promise<void> {
  if (!isRunning(child)) return;
  const exited = once(child, 'exit');
  const killTimer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  if (graceMs > 0) child.kill('SIGTERM');
  await exited;
  clearTimeout(killTimer);
}
