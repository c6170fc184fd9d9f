import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { sweepLeftovers } from '../../dev/synapse/cache-folder.ts';
import { startHomeserver } from '../../dev/synapse/homeserver.ts';
import { takeLock } from '../../dev/synapse/install-lock.ts';
import { installSynapse } from '../../dev/synapse/install.ts';
import { pipFailure } from '../../dev/synapse/pip.ts';
import { SetupError } from '../../dev/synapse/setup-error.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lawspeaker-test-'));
});

afterEach(async () => {
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

/** The pid of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}

describe('finding Python', () => {
  it('says so when there is none', async () => {
    const { message } = await failure(installSynapse({ env: bareEnv() }));
    expect(message).toContain('no Python is on PATH');
    expect(message).toContain('LAWSPEAKER_PYTHON');
  });

  it('says which one is too old', async () => {
    await fakePython('python3', 'cpython 3 9 - /usr/bin/python3');
    const { message } = await failure(installSynapse({ env: bareEnv() }));
    expect(message).toContain('python3: it is Python 3.9, too old');
  });

  it('says how to get a missing venv module', async () => {
    await fakePython('python3.12', 'cpython 3 12 ensurepip /usr/bin/python3.12');
    const { message } = await failure(installSynapse({ env: bareEnv() }));
    expect(message).toContain('apt install python3.12-venv');
  });

  it('takes no other when LAWSPEAKER_PYTHON is too old', async () => {
    await fakePython('python3', 'cpython 3 12 - /usr/bin/python3');
    const old = await fakePython('old', 'cpython 2 7 - /usr/bin/python2');
    const env = bareEnv({ LAWSPEAKER_PYTHON: old });
    const { message } = await failure(installSynapse({ env }));
    expect(message).toContain(`LAWSPEAKER_PYTHON=${old}`);
    expect(message).toContain('Python 2.7, too old');
  });
});

describe('the cache folder', () => {
  it('is named when it cannot be made', async () => {
    await fakePython('python3', 'cpython 3 12 - /usr/bin/python3');
    await writeFile(join(folder, 'file'), '');
    const env = bareEnv({ XDG_CACHE_HOME: join(folder, 'file') });
    const { message } = await failure(installSynapse({ env }));
    expect(message).toContain(join(folder, 'file', 'lawspeaker'));
    expect(message).toContain('XDG_CACHE_HOME');
  });

  it('is swept of what dead processes left, and of nothing else', async () => {
    const dead = deadPid();
    const kept = [
      'synapse-1.163.2',
      'synapse-1.163.2.lock',
      `synapse-1.163.2.building-${process.pid}-0a1b2c3d`,
      `notes.building-${dead}-0a1b2c3d`,
    ];
    const left = [
      `synapse-1.163.2.building-${dead}-0a1b2c3d`,
      `synapse-1.100.0.building-${dead}-4e5f6071`,
      `synapse-1.163.2.lock-${dead}-0a1b2c3d`,
    ];
    for (const name of [...kept, ...left]) {
      await mkdir(join(folder, name, 'lib'), { recursive: true });
    }

    expect((await sweepLeftovers(folder)).toSorted()).toEqual(left.toSorted());
    expect((await readdir(folder)).toSorted()).toEqual(kept.toSorted());
  });
});

describe('the installation lock', () => {
  it('is taken over from a dead process', async () => {
    const path = join(folder, 'lock');
    await writeFile(path, `${deadPid()} somebody`);
    const waitedFor: number[] = [];
    const release = await takeLock(path, (pid) => waitedFor.push(pid));
    await release();
    expect(waitedFor).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('makes the second wait for the first', async () => {
    const path = join(folder, 'lock');
    const order: string[] = [];
    const releaseFirst = await takeLock(path, () => undefined);
    const { promise: waiting, resolve: tellWaiting } = Promise.withResolvers<number>();
    const second = takeLock(path, tellWaiting).then((release) => {
      order.push('second taken');
      return release;
    });
    expect(await waiting).toBe(process.pid);
    order.push('first released');
    await releaseFirst();
    await (
      await second
    )();
    expect(order).toEqual(['first released', 'second taken']);
  });
});

describe('a failed pip', () => {
  it.each([
    ['the network', ['WARNING: Retrying (Retry(total=1)) after connection broken'], /network/],
    ['a full disk', ['ERROR: [Errno 28] No space left on device'], /disk is full/],
    ['a missing wheel', ['ERROR: No matching distribution found for x==1'], /wheel/],
    ['anything else', ['ERROR: the sky fell', 'bye'], /the sky fell/],
  ])('is told in one line: %s', (_what, lines, expected) => {
    const { message } = pipFailure(1, lines);
    expect(message).toMatch(expected);
    expect(message).not.toContain('\n');
  });
});

describe('an external homeserver', () => {
  it('needs its shared secret', async () => {
    const env = bareEnv({ LAWSPEAKER_TEST_HOMESERVER_URL: 'http://127.0.0.1:1' });
    const { message } = await failure(startHomeserver({ env }));
    expect(message).toContain('LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET');
  });
});
