/**
 * Runs every Python module that we start, in a process group of its own, so that the terminal's
 * Ctrl-C doesn't reach it. Only this process holds the other end of the child's standard input, and
 * the kernel closes it however this process ends, even by SIGKILL. So when the child reads
 * end-of-file, nobody is left to stop it: it removes the folder that it was given and kills its group.
 *
 * Arguments: the module to run, the folder to remove ('' for none), the module's own arguments.
 */
const guard = `
import os, runpy, shutil, signal, sys, threading

module, folder = sys.argv[1:3]

def watch():
    try:
        while os.read(0, 4096):
            pass
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

os.setsid()
threading.Thread(target=watch, daemon=True).start()
sys.argv[:] = [module] + sys.argv[3:]
runpy.run_module(module, run_name='__main__', alter_sys=True)
`;

/**
 * Arguments with which Python runs a module, as `python -m` does, but can't outlive this process. Its
 * standard input must be a pipe that stays open.
 *
 * @param removedIfOrphaned a folder that the child removes if this process ends without stopping it
 */
export function guarded(
  module: string,
  args: readonly string[],
  removedIfOrphaned = '',
): readonly string[] {
  // With -I, neither PYTHON* variables nor files in the working folder can shadow a module.
  return ['-I', '-c', guard, module, removedIfOrphaned, ...args];
}
