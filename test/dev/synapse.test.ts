import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path, { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { startHomeserver } from '../../dev/synapse/homeserver.ts';
import { withLock } from '../../dev/synapse/install-lock.ts';
import { synapseVersion, installSynapse, pipFailure } from '../../dev/synapse/install.ts';
import { SetupError } from '../../src/core/errors.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lawspeaker-test-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** An environment whose PATH and cache hold nothing but what the test puts there. */
function bareEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: folder, XDG_CACHE_HOME: join(folder, 'cache'), ...more };
}

async function fakePython(name: string, answer: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, `#!/bin/sh\necho '${answer}'\n`);
  await chmod(file, 0o755);
  return file;
}

async function failure(promise: Promise<unknown>): Promise<SetupError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SetupError);
  const setupError = error as SetupError;
  expect(setupError.message).not.toContain('\n');
  return setupError;
}

const installedFolder = `synapse-${synapseVersion}`;

/**
 * A Python whose virtual environments, packages and Synapse are empty. It logs each module that it
 * runs, and fails in the one that the environment variable FAIL names.
 */
async function installablePython(): Promise<string> {
  const file = join(folder, 'python3.12');
  const script = `#!/bin/sh
PATH=/usr/bin:/bin
if [ "$1" = -c ]; then echo "3 12 venv $0"; exit; fi
echo "$4" >>'${join(folder, 'modules')}'
if [ "$4" = "$FAIL" ]; then echo 'ERROR: the sky fell'; exit 1; fi
case $4 in venv) mkdir -p "$6/bin"; ln -s "$0" "$6/bin/python" ;; pip) sleep 0.5 ;; esac
`;
  await writeFile(file, script);
  await chmod(file, 0o755);
  return file;
}

async function modulesRun(): Promise<string[]> {
  return (await readFile(join(folder, 'modules'), 'utf8')).trim().split('\n');
}

describe('finding Python', () => {
  it('says so if none is on PATH', async () => {
    const { message } = await failure(installSynapse({ env: bareEnv() }));
    expect(message).toContain('none was found');
    expect(message).toContain('LAWSPEAKER_PYTHON');
  });

  it('says which one is too old', async () => {
    await fakePython('python3', '3 9 venv /usr/bin/python3');
    const { message } = await failure(installSynapse({ env: bareEnv() }));
    expect(message).toContain('python3 is Python 3.9, too old');
  });

  it('says how to get a missing venv module', async () => {
    await fakePython('python3.12', '3 12 - /usr/bin/python3.12');
    const { message } = await failure(installSynapse({ env: bareEnv() }));
    expect(message).toContain('apt install python3.12-venv');
  });

  it('takes no other when LAWSPEAKER_PYTHON is too old', async () => {
    await fakePython('python3', '3 12 venv /usr/bin/python3');
    const old = await fakePython('old', '2 7 venv /usr/bin/python2');
    const env = bareEnv({ LAWSPEAKER_PYTHON: old });
    const { message } = await failure(installSynapse({ env }));
    expect(message).toContain(`LAWSPEAKER_PYTHON=${old}`);
    expect(message).toContain('Python 2.7, too old');
  });
});

describe('the cache folder', () => {
  it('is named when it cannot be made', async () => {
    await fakePython('python3', '3 12 venv /usr/bin/python3');
    await writeFile(join(folder, 'file'), '');
    const env = bareEnv({ XDG_CACHE_HOME: join(folder, 'file') });
    const { message } = await failure(installSynapse({ env }));
    expect(message).toContain(join(folder, 'file', 'lawspeaker'));
    expect(message).toContain('XDG_CACHE_HOME');
  });

  it('gets one whole installation from two runs at once', async () => {
    await installablePython();
    const env = bareEnv();
    const progress: string[] = [];
    const onProgress = (line: string) => progress.push(line);
    const pythons = await Promise.all([
      installSynapse({ env, onProgress }),
      installSynapse({ env, onProgress }),
    ]);
    const python = join(folder, 'cache', 'lawspeaker', installedFolder, 'bin', 'python');
    expect(pythons).toEqual([python, python]);
    expect(progress.filter((line) => line.startsWith('Another run'))).toHaveLength(1);
    expect(await modulesRun()).toEqual(['venv', 'pip', 'synapse.app.homeserver']);

    expect(await installSynapse({ env })).toBe(python);
    expect(await modulesRun()).toHaveLength(3);
  });

  it('loses interrupted installations, and nothing else', async () => {
    await installablePython();
    const cache = join(folder, 'cache', 'lawspeaker');
    const complete = join(cache, 'synapse-1.100.0');
    for (const name of ['notes', 'synapse-1.99.0', 'synapse-1.100.0', installedFolder]) {
      await mkdir(join(cache, name, 'lib'), { recursive: true });
    }
    await writeFile(join(complete, 'lawspeaker-installed.json'), '{}');
    await installSynapse({ env: bareEnv() });
    expect(await readdir(cache)).toEqual(
      ['install.lock', 'notes', 'synapse-1.100.0', installedFolder].toSorted(),
    );
    expect(await readdir(complete)).toContain('lib');
    expect(await readdir(join(cache, installedFolder))).not.toContain('lib');
  });

  it('keeps nothing of a failed installation', async () => {
    await installablePython();
    const { message } = await failure(installSynapse({ env: bareEnv({ FAIL: 'pip' }) }));
    expect(message).toContain('the sky fell');
    expect(await readdir(join(folder, 'cache', 'lawspeaker'))).toEqual(['install.lock']);
  });

  it('gets a new installation when the Python of the old one was replaced', async () => {
    const old = await installablePython();
    const env = bareEnv();
    const python = await installSynapse({ env });
    await rename(old, join(folder, 'python3.13'));
    expect(await installSynapse({ env })).toBe(python);
    expect(await modulesRun()).toHaveLength(6);
  });
});

describe('the installation lock', () => {
  it('ends with the process that held it', async () => {
    const file = join(folder, 'lock');
    const module = path.resolve('dev/synapse/install-lock.ts');
    // It keeps a way to end the work: what can never end is garbage, and the lock with it.
    const script = `const { withLock } = await import(${JSON.stringify(module)});
      setInterval(() => {}, 1000);
      await withLock(${JSON.stringify(file)}, () => {}, () => new Promise((end) => {
        globalThis.end = end;
        console.log('taken');
      }));`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void holder.kill('SIGKILL'));
    await once(holder.stdout, 'data');
    const { promise: waiting, resolve: onWait } = Promise.withResolvers<void>();
    const next = withLock(file, onWait, async () => 'done');
    await waiting;
    holder.kill('SIGKILL');
    expect(await next).toBe('done');
  });

  it('makes the second wait for the first', async () => {
    const file = join(folder, 'lock');
    const order: string[] = [];
    const { promise: waiting, resolve: onWait } = Promise.withResolvers<void>();
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const unexpected = () => expect.unreachable();
    const first = withLock(file, unexpected, async () => finished.then(() => order.push('first')));
    const second = withLock(file, onWait, async () => order.push('second'));
    await waiting;
    finish();
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
  });
});

describe('a failed pip', () => {
  it.each([
    ['the network', ['WARNING: Retrying (Retry(total=1)) after connection broken'], /network/],
    ['a full disk', ['ERROR: [Errno 28] No space left on device'], /disk is full/],
    ['a missing wheel', ['ERROR: No matching distribution found for x==1'], /wheel/],
    ['anything else', ['ERROR: the sky fell', 'bye'], /the sky fell/],
  ])('is told in one line: %s', (_what, lines, expected) => {
    const { message } = pipFailure(lines);
    expect(message).toMatch(expected);
    expect(message).not.toContain('\n');
  });
});

describe('a server of our own', () => {
  it('leaves nothing behind if it does not start, nor do runs that were killed', async () => {
    await installablePython();
    const data = join(folder, 'data');
    const killed = spawn('true');
    await once(killed, 'exit');
    for (const owner of [killed.pid, process.pid]) {
      await mkdir(join(data, `lawspeaker-synapse-${owner}-x`), { recursive: true });
    }
    vi.stubEnv('TMPDIR', data);
    const { message } = await failure(startHomeserver({ env: bareEnv() }));
    expect(message).toBe('Synapse did not start: it exited without a message.');
    expect(await readdir(data)).toEqual([`lawspeaker-synapse-${process.pid}-x`]);
  });
});

describe('an external homeserver', () => {
  it('needs its shared secret', async () => {
    const env = bareEnv({ LAWSPEAKER_TEST_HOMESERVER_URL: 'http://127.0.0.1:1' });
    const { message } = await failure(startHomeserver({ env }));
    expect(message).toContain('LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET');
  });
});
