import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { backupDatabase } from '../../../src/store/files/backup.ts';
import { restoreDatabase } from '../../../src/store/files/restore.ts';
import { openStore } from '../../../src/store/store.ts';
import type { Interruption } from '../../support/interrupted-restore.ts';

const script = fileURLToPath(new URL('../../support/interrupted-restore.ts', import.meta.url));
const now = Date.UTC(2026, 10, 27, 22, 42, 24);
const atOnce = 3;

let folder: string;
/** Contains `data/lawspeaker.db` with three actions, the last of them in its log, and `backup.db` with one. */
let model: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-interrupted-'));
  model = path.join(folder, 'model');
  const file = path.join(folder, 'made', 'lawspeaker.db');
  await act(file, 1);
  await backupDatabase(file, path.join(folder, 'backup.db'));
  await act(file, 2);
  // As a crash leaves it.
  const store = await openStore(file);
  await addEntry(store, 3);
  for (const ending of ['', '-wal']) {
    cpSync(file + ending, path.join(model, 'data', `lawspeaker.db${ending}`));
  }
  await store.close();
  copyFileSync(path.join(folder, 'backup.db'), path.join(model, 'backup.db'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function act(file: string, at: number): Promise<void> {
  const store = await openStore(file);
  await addEntry(store, at);
  await store.close();
}

async function addEntry(store: Awaited<ReturnType<typeof openStore>>, at: number): Promise<void> {
  const intent = { actor: '@ana:x', command: 'x', arguments: {}, eventId: '$e', roomId: '!r:x' };
  await store.transaction(async ({ auditLog }) => {
    await auditLog.begin(intent, at);
  });
}

/** How an interrupted restore ended, in a copy of the model. */
interface Ended {
  readonly place: string;
  readonly steps: readonly string[];
  readonly status: number | null;
  readonly errors: string;
}

async function interrupted(options: Pick<Interruption, 'step' | 'how' | 'hasLinks'>) {
  const place = mkdtempSync(path.join(folder, 'run-'));
  cpSync(model, place, { recursive: true });
  const interruption: Interruption = { ...files(place), now, ...options };
  return new Promise<Ended>((resolve) => {
    execFile(process.execPath, [script, JSON.stringify(interruption)], (error, output, errors) =>
      resolve({
        place,
        steps: output.split('\n').slice(0, -1),
        status: error === null ? 0 : typeof error.code === 'number' ? error.code : null,
        errors,
      }),
    );
  });
}

const files = (place: string) => ({
  file: path.join(place, 'data', 'lawspeaker.db'),
  backup: path.join(place, 'backup.db'),
});

/** Restores once for each step from this one on, and interrupts it there. */
async function atEachStep(
  { how, hasLinks = true, from }: { how: string; hasLinks?: boolean; from: string },
  look: (ended: Ended) => Promise<void>,
): Promise<readonly string[]> {
  const whole = await interrupted({ step: 0, how, hasLinks });
  expect(whole).toMatchObject({ status: 0, errors: '' });
  expect(await rowsAt(whole.place)).toBe(1);
  const first = whole.steps.indexOf(from);
  expect(first).not.toBe(-1);
  const steps = whole.steps.map((_, index) => index + 1).slice(first);
  while (steps.length > 0) {
    await Promise.all(
      steps.splice(0, atOnce).map(async (step) => look(await interrupted({ step, how, hasLinks }))),
    );
  }
  return whole.steps;
}

/** What a start finds: the number of rows of the audit log, which is whole. */
async function rowsAt(place: string): Promise<number> {
  const { file } = files(place);
  const store = await openStore(file, { lock: true });
  const { count, fault } = await store.auditLog.verify();
  await store.close();
  expect(fault).toBeUndefined();
  const db = new Database(file, { fileMustExist: true });
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  db.close();
  return count;
}

/** Nothing but databases that somebody may want is left, each of them once. */
function expectTidy(place: string): void {
  const names = readdirSync(path.join(place, 'data')).toSorted();
  const kept = names.filter((name) => name.includes('.before-restore-'));
  expect(kept.filter((name) => !/Z(?:-wal)?$/u.test(name))).toEqual([]);
  expect(names.filter((name) => !kept.includes(name))).toEqual([
    'lawspeaker.db',
    'lawspeaker.db-lock',
  ]);
}

it.each([
  ['with hard links', true, 'backup'],
  ['on a file system that has none', false, 'copyFileSync'],
])(
  'killed at any step, %s, it leaves the whole old database or the whole new one',
  async (_, hasLinks, from) => {
    const found = new Set<number>();
    const steps = await atEachStep({ how: 'kill', hasLinks, from }, async ({ place, status }) => {
      expect(status).toBeNull();
      const { file, backup } = files(place);
      expect(readdirSync(path.dirname(file))).toContain('lawspeaker.db');
      const rows = await rowsAt(place);
      expect([1, 3]).toContain(rows);
      found.add(rows);
      // Running it again does what the first run was to do, and tidies up after it.
      const { kept } = await restoreDatabase(file, backup, now + 60_000);
      expect(kept?.auditRows).toBe(rows);
      expect(await rowsAt(place)).toBe(1);
      expectTidy(place);
      const old = new Database(kept?.file ?? '', { fileMustExist: true });
      expect(old.prepare('SELECT count(*) FROM audit_log').pluck().get()).toBe(rows);
      old.close();
    });
    expect(found).toEqual(new Set([1, 3]));
    expect(steps.filter((step) => step === 'renameSync')).toHaveLength(hasLinks ? 1 : 2);
  },
  120_000,
);

it.each([
  ['ENOSPC', 'The disk or the quota is full. Free space', 'backup'],
  ['EROFS', 'is read-only. Mount it for writing', 'renameSync'],
  ['EACCES', 'Run this as the account that the bot runs as', 'renameSync'],
])(
  'if a step fails with %s, it says what to do, and leaves one whole database',
  async (code, advice, from) => {
    await atEachStep({ how: code, from }, async ({ place, status, errors }) => {
      expect([1, 3]).toContain(await rowsAt(place));
      expect(status).toBe(2);
      expect(errors).toContain(advice);
      expect(errors).not.toContain('    at ');
    });
  },
  120_000,
);
