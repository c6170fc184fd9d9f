import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { exportAuditLog, listAudit, readAuditRequest } from '../../src/cli/audit.ts';
import { SetupError, UsageError } from '../../src/core/errors.ts';
import { openStore } from '../../src/store/store.ts';

const now = Date.parse('2026-11-22T12:00:00Z');
const hour = 3_600_000;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-cli-'));
  file = path.join(folder, 'lawspeaker.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes so many actions, an hour between two, the last one now. */
async function fill(number: number): Promise<void> {
  const store = await openStore(file);
  await store.transaction(async ({ auditLog }) => {
    for (let left = number - 1; left >= 0; left -= 1) {
      const id = await auditLog.begin(
        {
          actor: left % 2 === 0 ? '@ana:x' : 'rule:fresh',
          command: 'shadow-ban',
          arguments: { accounts: ['@mallory:x'] },
          target: '@mallory:x',
          reason: left === 0 ? 'a \u001B[31mred\nreason' : null,
          eventId: '$e',
          roomId: '!r:x',
        },
        now - left * hour,
      );
      await auditLog.finish(id, { status: 'done' }, now - left * hour);
    }
  });
  await store.close();
}

async function printed(
  command: typeof listAudit,
  options: Parameters<typeof readAuditRequest>[0] = {},
): Promise<string> {
  let text = '';
  await command(file, readAuditRequest(options, now), async (piece) => {
    text += piece;
  });
  return text;
}

const linesOf = (text: string) => text.trimEnd().split('\n');

describe('audit list', () => {
  test('prints the newest for people, and lets nothing steer their terminal', async () => {
    await fill(30);
    const lines = linesOf(await printed(listAudit));
    expect(lines).toHaveLength(21);
    expect(lines[0]).toBe(
      '#59  2026-11-22 12:00 UTC  done  shadow-ban @mallory:x  by @ana:x  “a ⟨U+001B⟩[31mred␤reason”',
    );
    expect(lines[20]).toContain('For more, use --limit');
    expect(linesOf(await printed(listAudit, { limit: '31' }))).toHaveLength(30);
    expect(linesOf(await printed(listAudit, { by: 'rule:fresh', since: '90m' }))).toHaveLength(1);
    expect(await printed(listAudit, { target: '@eve:x' })).toBe('No matching entries.\n');
    expect(linesOf(await printed(listAudit, { text: '"red reason"' }))).toHaveLength(1);
  });

  test('prints them in a format for programs as well', async () => {
    await fill(3);
    const lines = linesOf(await printed(listAudit, { format: 'jsonl', limit: '2' }));
    expect(lines.map((line) => (JSON.parse(line) as { id: number }).id)).toEqual([5, 3]);
    expect((await printed(listAudit, { format: 'csv' })).split(',', 1)).toEqual(['id']);
  });
});

describe('audit export', () => {
  test('prints all that fits, in order, however many they are', async () => {
    await fill(1203);
    const ids = linesOf(await printed(exportAuditLog)).map(
      (line) => (JSON.parse(line) as { id: number }).id,
    );
    expect(ids).toEqual(Array.from({ length: 1203 }, (_, at) => at * 2 + 1));
    const table = await printed(exportAuditLog, { format: 'csv' });
    expect(table.match(/^\d+,2026/gmu)).toHaveLength(1203);
    expect(linesOf(await printed(exportAuditLog, { limit: '501' }))).toHaveLength(501);
    expect(linesOf(await printed(exportAuditLog, { since: '2h', until: '1h' }))).toHaveLength(2);
    expect(await printed(exportAuditLog, { status: 'failed' })).toBe('');
  });

  test('of a database whose tables are older says what to do', async () => {
    await fill(1);
    const db = new Database(file);
    db.exec(`DELETE FROM kysely_migration WHERE name > '0002'`);
    db.close();
    const fault = await printed(exportAuditLog).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(SetupError);
    expect((fault as SetupError).message).toContain('older Lawspeaker');
  });
});

test.for([
  ['2026-11-01', '2026-11-01T00:00:00.000Z'],
  ['2026-11-01 10:00', '2026-11-01T10:00:00.000Z'],
  ['2026-11-01T00:00+01:00', '2026-10-31T23:00:00.000Z'],
  ['2026-11-01+01:00', '2026-10-31T23:00:00.000Z'],
  ['2026-11-01 10:00 Europe/Berlin', '2026-11-01T09:00:00.000Z'],
  ['2026-07-01 Europe/Berlin', '2026-06-30T22:00:00.000Z'],
] as const)('--since and --until %s', ([typed, at]) => {
  const { filter } = readAuditRequest({ since: typed, until: typed }, now);
  expect(new Date(filter.since ?? 0).toISOString()).toBe(at);
  expect(filter.until).toBe(filter.since);
});

test.each([
  [{ by: 'ana' }, '--by'],
  [{ text: '…' }, 'The search has no words.'],
  [{ since: '2026-11-01 10:00 Europe/Nowhere' }, 'is not a valid date'],
  [{ since: '2026-02-30 Europe/Berlin' }, 'is not a valid date'],
  [{ status: 'fine' }, '--status'],
  [{ status: 'don' }, 'Did you mean done?'],
  [{ since: 'yesterday' }, '--since: yesterday is not a valid date'],
  [{ since: '1d', until: '2d' }, '--since is later'],
  [{ limit: '0' }, '--limit'],
  [{ limit: '1e3' }, '--limit'],
  [{ format: 'xml' }, '--format: xml is not one of jsonl, csv'],
])('%j is refused', (options, reason) => {
  let fault: unknown;
  try {
    readAuditRequest(options, now);
  } catch (error) {
    fault = error;
  }
  expect(fault).toBeInstanceOf(UsageError);
  expect((fault as UsageError).message).toContain(reason);
});
