import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findPython } from '../../dev/synapse/python.ts';
import { openStore } from '../../src/store/store.ts';
import { forgetting, leftOf } from '../../src/store/tables/audit/audit-chain.ts';
import type { AuditRow } from '../../src/store/tables/audit/audit-chain.ts';
import { writeOldAuditRows } from '../support/old-audit-rows.ts';
import { makeOldDatabase } from '../support/old-database.ts';
import { cutLog, rewriteLog } from '../support/rewrite-log.ts';
import { sqliteDatabase } from '../support/test-database.ts';
import type { TestDatabase } from '../support/test-database.ts';

/*
 * The verifier that docs/audit.md prints, which knows nothing of the bot's code. It finds what the bot's own finds.
 */

const oldRows = 4;
const newRows = 6;
/** The last two say that rows were forgotten. */
const rows = oldRows + newRows + 2;

let folder: string;
let program: string;
let python: string;
/** An untouched log: rows of both forms. */
let complete: string;
/** The same after some of them were forgotten. */
let original: string;
let copies = 0;

beforeAll(async () => {
  python = await findPython(process.env);
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-verifier-'));
  program = path.join(folder, 'verify.py');
  const [, code = ''] =
    /^```python\n(.*?)^```$/msu.exec(readFileSync('docs/audit.md', 'utf8')) ?? [];
  writeFileSync(program, code);
  complete = path.join(folder, 'complete.db');
  await makeOldDatabase(complete, '0015-sign-up-waves');
  writeOldAuditRows(complete, oldRows, (id) => (id === 1 ? null : 'spam – “so much”\n'));
  await fill(complete, ['spam', 'l’«été»\n\t"\\ \u0001\u007F\u2028 🦊', ''].map(reason));
  original = path.join(folder, 'original.db');
  copyFileSync(complete, original);
  await forget(original, [2, 7]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const reason = (text: string) => ({ reason: text, target: `@${text}:x`, note: text });

/** Two rows for each. */
async function fill(
  file: string,
  texts: readonly { readonly reason: string; readonly target: string; readonly note: string }[],
): Promise<void> {
  const store = await openStore(file);
  await store.transaction(async ({ auditLog }) => {
    for (const { note, ...texts_ } of texts) {
      const intent = {
        actor: '@ana:x',
        confirmer: '@ben:x',
        command: 'lock',
        arguments: { note },
        eventId: '$e',
        roomId: '!r:x',
        itemId: 7,
      };
      const id = await auditLog.begin({ ...intent, ...texts_ }, 1_795_294_998_000);
      await auditLog.finish(id, { status: 'done', detail: { note } }, 1_795_294_999_000);
    }
  });
  await store.close();
}

/** Takes the target out of rows, and something else in its place, as forgetting does. */
async function forget(file: string, ids: readonly number[]): Promise<void> {
  const db = new Database(file);
  const left: Record<string, string> = {};
  for (const id of ids) {
    const row = db.prepare('SELECT * FROM audit_log WHERE id = ?').get(id) as AuditRow;
    const columns = forgetting(row, { target: 'l’«été»', reason: null });
    db.prepare(
      'UPDATE audit_log SET target = @target, reason = @reason, salts = @salts WHERE id = @id',
    ).run({ ...columns, id });
    left[id] = leftOf({ ...row, ...columns });
  }
  db.close();
  const store = await openStore(file);
  await store.transaction(async ({ auditLog }) => {
    const who = {
      actor: '@ana:x',
      command: 'forget',
      arguments: {},
      eventId: '$f',
      roomId: '!r:x',
    };
    await auditLog.finish(await auditLog.begin(who, 1), { status: 'done', detail: { left } }, 1);
  });
  await store.close();
}

async function changed(
  change: (database: TestDatabase) => Promise<void>,
  from = original,
): Promise<string> {
  copies += 1;
  const file = path.join(folder, `${copies}.db`);
  copyFileSync(from, file);
  await change(sqliteDatabase(file));
  return file;
}

const sql = (statement: string) => async (database: TestDatabase) => database.tamper(statement);

async function verify(...given: string[]) {
  return new Promise<{ status: number; output: string; errors: string }>((resolve) => {
    execFile(python, [program, ...given], (error, output, errors) =>
      resolve({ status: error === null ? 0 : Number(error.code), output, errors }),
    );
  });
}

async function ownVerdict(file: string) {
  const store = await openStore(file, { readonly: true });
  try {
    return await store.auditLog.verify();
  } finally {
    await store.close();
  }
}

function headOf(file: string, row: number): string {
  const db = new Database(file, { readonly: true });
  const hash = db.prepare('SELECT hash FROM audit_log WHERE id = ?').pluck().get(row) as string;
  db.close();
  return `${row}:${hash}`;
}

describe('the verifier of docs/audit.md', () => {
  it('finds an untouched log in order, with heads of any row', async () => {
    const { head, fault } = await ownVerdict(original);
    expect(fault).toBeUndefined();
    const heads = [1, oldRows, oldRows + 1, rows].map((row) => headOf(original, row));
    expect(await verify(original, ...heads)).toEqual({
      status: 0,
      output: `${rows} rows in order, head ${head}\n`,
      errors: '',
    });
  });

  it.each([
    ['an edited entry', "UPDATE audit_log SET actor = '@eve:x' WHERE id = 9", 9],
    ['an edited empty text', "UPDATE audit_log SET reason = 'x' WHERE id = 9", 9],
    ['a text where there was none', "UPDATE audit_log SET reason = 'x' WHERE id = 8", 8],
    ['an edited number', 'UPDATE audit_log SET item_id = 8 WHERE id = 10', 10],
    ['an edited old entry', "UPDATE audit_log SET reason = 'x' WHERE id = 3", 3],
    ['what was left of a forgotten one', "UPDATE audit_log SET actor = '@eve:x' WHERE id = 7", 7],
    ['other salts', "UPDATE audit_log SET salts = 'x' WHERE id = 9", 9],
    ['what was left of a forgotten old one', "UPDATE audit_log SET actor = 'x' WHERE id = 2", 5],
    ['other salts of an old one', "UPDATE audit_log SET salts = 'x' WHERE id = 3", 5],
    ['a removed entry', 'DELETE FROM audit_log WHERE id = 6', 6],
    ['a lost beginning', 'DELETE FROM audit_log WHERE id < 3', 1],
    [
      'two swapped entries',
      `UPDATE audit_log SET id = 100 WHERE id = 9; UPDATE audit_log SET id = 9 WHERE id = 6;
       UPDATE audit_log SET id = 6 WHERE id = 100`,
      6,
    ],
    [
      'two swapped old entries',
      `UPDATE audit_log SET id = 100 WHERE id = 3; UPDATE audit_log SET id = 3 WHERE id = 4;
       UPDATE audit_log SET id = 4 WHERE id = 100`,
      3,
    ],
    ['a new entry that passes for an old one', 'UPDATE audit_log SET form = 1 WHERE id = 7', 7],
  ])('finds %s', async (_, statement, row) => {
    const file = await changed(sql(statement));
    const { status, errors } = await verify(file);
    expect({ status, errors }).toEqual({
      status: 1,
      errors: `row ${row} is changed or missing, or a row before it is\n`,
    });
    expect((await ownVerdict(file)).fault).toBeDefined();
  });

  it('finds a truncated tail by a head, and only by a head', async () => {
    const file = await changed(async (copy) => cutLog(copy, 8), complete);
    expect(await verify(file, headOf(original, 8))).toMatchObject({ status: 0 });
    expect(await verify(file, headOf(original, 9))).toMatchObject({
      status: 1,
      errors: 'row 9 is missing, or nothing proves it\n',
    });
  });

  it('finds a rewritten log with recomputed hashes by a head, and only by a head', async () => {
    const file = await changed(async (copy) => rewriteLog(copy, 6, '@eve:x'), complete);
    expect(await verify(file, headOf(original, 5), headOf(file, 10))).toMatchObject({ status: 0 });
    expect(await verify(file, headOf(original, 5), headOf(original, 10))).toMatchObject({
      status: 1,
      errors: 'row 10 is not the one of the head\n',
    });
  });

  it('finds a forgotten old entry that no later entry proves', async () => {
    const file = await changed(async (copy) => cutLog(copy, oldRows));
    expect(await verify(file)).toMatchObject({
      status: 1,
      errors: 'row 2 is missing, or nothing proves it\n',
    });
    expect((await ownVerdict(file)).fault).toEqual({ id: 2, kind: 'changed' });
  });

  it('finds what was put in the place of forgotten texts', async () => {
    const file = await changed(sql("UPDATE audit_log SET target = '@innocent:x' WHERE id = 7"));
    expect(await verify(file)).toMatchObject({
      status: 1,
      errors: 'row 7 is missing, or nothing proves it\n',
    });
    expect((await ownVerdict(file)).fault).toEqual({ id: 7, kind: 'changed' });
  });

  it('says what is missing or cut off in what it is given', async () => {
    const [number, hash = ''] = headOf(original, 9).split(':');
    const short = `${number}:${hash.slice(0, 4)}…`;
    expect(await verify(original, short)).toEqual({
      status: 1,
      output: '',
      errors: `${short} is not a head: NUMBER:HASH, with all 64 digits of the hash\n`,
    });
    const usage = 'give a database: verify.py FILE [NUMBER:HASH …]\n';
    expect(await verify(path.join(folder, 'none.db'))).toMatchObject({ status: 1, errors: usage });
    expect(await verify()).toMatchObject({ status: 1, errors: usage });
  });

  it('blames no forgotten entry for a later one that was changed', async () => {
    // Row 2 and row 7 were forgotten; row 12 vouches for them.
    const file = await changed(sql("UPDATE audit_log SET actor = '@eve:x' WHERE id = 9"));
    expect((await verify(file)).errors).toContain('row 9 is changed');
    expect((await ownVerdict(file)).fault).toEqual({ id: 9, kind: 'changed' });
    const voucher = await changed(sql(`UPDATE audit_log SET detail = '{}' WHERE id = ${rows}`));
    expect((await verify(voucher)).errors).toContain(`row ${rows} is changed`);
    expect((await ownVerdict(voucher)).fault).toEqual({ id: rows, kind: 'changed' });
    const both = await changed(
      sql("UPDATE audit_log SET target = '@eve:x' WHERE id = 7 OR id = 9"),
    );
    expect((await ownVerdict(both)).fault).toEqual({ id: 7, kind: 'changed' });
  });

  it('writes every text as the bot does', async () => {
    const file = path.join(folder, 'texts.db');
    // SQLite's own functions end a text at U+0000; the bot stores what it gets.
    const text = fc.string({ unit: 'binary', maxLength: 20 });
    const texts = fc.sample(fc.record({ reason: text, target: text, note: text }), 300);
    await fill(file, texts);
    const { head, count, fault } = await ownVerdict(file);
    expect({ count, fault }).toEqual({ count: 600, fault: undefined });
    expect(await verify(file)).toEqual({
      status: 0,
      output: `600 rows in order, head ${head}\n`,
      errors: '',
    });
  });
});
