import { createHash } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import {
  chainHash,
  chained,
  createChainCheck,
  createOldRowsDigest,
  forgetting,
  genesis,
  leftOf,
  oldChainHash,
  personalFields,
} from '../../../../src/store/tables/audit/audit-chain.ts';
import type { AuditRow, UnchainedRow } from '../../../../src/store/tables/audit/audit-chain.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const salts = '0123456789abcdef0123456789abcdef';

const unchained = (more: Partial<UnchainedRow> = {}): UnchainedRow => ({
  kind: 'intent',
  intent_id: null,
  at: 1,
  actor: '@ana:x',
  confirmer: null,
  command: 'x',
  arguments: '{}',
  target: null,
  reason: null,
  event_id: '$e',
  room_id: '!r',
  item_id: null,
  status: null,
  detail: null,
  ...more,
});

const full = unchained({
  confirmer: '@ben:x',
  arguments: '{"users":["@mallory:x"]}',
  target: '@mallory:x',
  reason: 'spam',
  detail: '{"took_ms":3}',
});

/** A chain of these rows in form 2, after rows of form 1. */
function chain(rows: readonly UnchainedRow[], oldRows: readonly UnchainedRow[] = []): AuditRow[] {
  const all: AuditRow[] = [];
  let previousHash = genesis;
  const digest = createOldRowsDigest();
  for (const row of oldRows) {
    const hash = oldChainHash(previousHash, row);
    const old = { ...row, salts: sha256(hash).slice(32), previous_hash: previousHash, hash };
    digest.add(old);
    all.push({ id: all.length + 1, form: 1, ...old });
    previousHash = hash;
  }
  if (oldRows.length > 0) {
    previousHash = digest.previousHashAfter(previousHash);
  }
  for (const row of rows) {
    const next = chained(previousHash, row);
    all.push({ id: all.length + 1, ...next });
    previousHash = next.hash;
  }
  return all;
}

/** The number of the first row that is not intact. */
function faultIn(rows: readonly AuditRow[]): number | undefined {
  const check = createChainCheck();
  const found = rows.find((row) => !check.next(row));
  rows.slice(found?.id ?? rows.length).forEach((row) => check.afterBreak(row));
  return check.firstUnproven() ?? found?.id;
}

describe('a hash', () => {
  test('is made as it is documented, so that others can check it', () => {
    const commit = (field: string, text: string) => sha256(sha256(salts + field) + text);
    const actor = commit('actor', '@ana:x');
    const given = commit('arguments', '{}');
    const fields = `["intent",null,1,"${actor}",null,"x","${given}",null,null,"$e","!r",null,null,null]`;
    expect(chainHash('a', { ...unchained(), salts })).toBe(sha256(`a${fields}`));
  });

  test('of an older row is over its texts', () => {
    const fields = '["intent",null,1,"@ana:x",null,"x","{}",null,null,"$e","!r",null,null]';
    expect(oldChainHash('a', unchained())).toBe(sha256(`a${fields}`));
    expect(oldChainHash('a', unchained({ item_id: 7 }))).toBe(
      sha256(`a${fields.replace(']', ',7]')}`),
    );
  });

  test.each([
    ['new', (previous: string, row: UnchainedRow) => chainHash(previous, { ...row, salts })],
    ['older', oldChainHash],
  ])('of a %s row depends on every field', (_, hash) => {
    const nullable = ['intent_id', 'confirmer', 'target', 'reason', 'status', 'detail'] as const;
    const hashes = [
      hash('a', unchained()),
      hash('b', unchained()),
      hash('a', unchained({ at: 2 })),
      hash('a', unchained({ actor: '@ben:x' })),
      hash('a', unchained({ command: 'y' })),
      hash('a', unchained({ arguments: '[]' })),
      hash('a', unchained({ event_id: '$f' })),
      hash('a', unchained({ room_id: '!s' })),
      hash('a', unchained({ kind: 'refusal' })),
      hash('a', unchained({ item_id: 7 })),
      ...nullable.map((field) => hash('a', unchained({ [field]: 'z' }))),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  test('doesn’t tell what a short text was', () => {
    expect(chained(genesis, full).hash).not.toBe(chained(genesis, full).hash);
  });
});

/** Takes something out of rows, and appends the outcome that vouches for what is left of them. */
function forget(
  rows: AuditRow[],
  numbers: readonly number[],
  texts: Parameters<typeof forgetting>[1],
): AuditRow[] {
  const left: Record<string, string> = {};
  for (const number of numbers) {
    const row = rows[number - 1] as AuditRow;
    Object.assign(row, forgetting(row, texts));
    left[number] = leftOf(row);
  }
  return append(rows, { kind: 'outcome', command: 'forget', detail: JSON.stringify({ left }) });
}

function append(rows: AuditRow[], more: Partial<UnchainedRow>): AuditRow[] {
  const last = rows.at(-1) as AuditRow;
  rows.push({ id: rows.length + 1, ...chained(last.hash, unchained(more)) });
  return rows;
}

describe('forgetting', () => {
  const nothing = { target: 'nobody', arguments: '{}', reason: null };

  test.each([[[full, full, full]], [[full]]])('keeps the chain intact', (rows) => {
    const numbers = rows.map((_, at) => at + 1);
    const before = forget(chain(rows), numbers, nothing);
    expect(faultIn(before)).toBeUndefined();
    expect(JSON.stringify(before)).not.toMatch(/mallory|spam/u);
    // Again, with more.
    const after = forget(before, numbers, { actor: 'nobody', detail: null });
    expect(faultIn(after)).toBeUndefined();
    expect(JSON.stringify(after.slice(0, rows.length))).not.toMatch(/@ana/u);
  });

  test('leaves no salt with which a guess could be checked', () => {
    const [row] = chain([full]);
    const after = forgetting(row as AuditRow, nothing);
    const { salts: left } = JSON.parse(after.salts ?? '') as { salts: Record<string, string> };
    expect(Object.keys(left).toSorted()).toEqual(['actor', 'confirmer', 'detail']);
    expect(after.salts).not.toContain(row?.salts);
  });

  test.each(personalFields)('lets nobody change %s afterwards', (field) => {
    const rows = forget(chain([full, full]), [2], nothing);
    Object.assign(rows[1] as AuditRow, { [field]: 'forged' });
    expect(faultIn(rows)).toBe(2);
  });

  test('is found if no entry says so', () => {
    const rows = chain([full, full, full]);
    Object.assign(rows[1] as AuditRow, forgetting(rows[1] as AuditRow, { actor: '@eve:x' }));
    expect(faultIn(rows)).toBe(2);
    expect(faultIn(append(rows, { kind: 'outcome', command: 'lock', detail: '{"left":{}}' }))).toBe(
      2,
    );
  });

  test('does not pass for changing the rest', () => {
    const rows = forget(chain([full, full]), [1], nothing);
    Object.assign(rows[0] as AuditRow, { at: 99 });
    expect(faultIn(rows)).toBe(1);
  });

  test('lets nobody move the beginning of a text into its salt', () => {
    const rows = forget(chain([full]), [1], { target: 'nobody' });
    const row = rows[0] as AuditRow;
    const opened = JSON.parse(row.salts ?? '') as { salts: Record<string, string> };
    opened.salts['reason'] += 'sp';
    Object.assign(row, { salts: JSON.stringify(opened), reason: 'am' });
    const left = { 1: leftOf(row) };
    append(rows, { kind: 'outcome', command: 'forget', detail: JSON.stringify({ left }) });
    expect(faultIn(rows)).toBe(1);
  });

  test.each([
    '{',
    '{}',
    'null',
    '{"salts":null}',
    '{"salts":{},"commitments":{"actor":7}}',
    '{"salts":{},"commitments":{"id":"a"}}',
  ])('is not what forged salts pass for: %s', (forged) => {
    const rows = chain([full, full]);
    Object.assign(rows[1] as AuditRow, { salts: forged });
    expect(faultIn(rows)).toBe(2);
  });
});

describe('older rows', () => {
  test('are intact, before and after newer ones', () => {
    expect(faultIn(chain([], [full, full]))).toBeUndefined();
    expect(faultIn(chain([full], [full, full]))).toBeUndefined();
  });

  test('can be forgotten once a newer row proves what is left', () => {
    const changed = forget(chain([full], [full, full]), [2], { target: 'nobody' });
    expect(faultIn(changed)).toBeUndefined();
    Object.assign(changed[1] as AuditRow, { actor: '@eve:x' });
    expect(faultIn(changed)).toBe(2);
    const old = chain([], [full, full]);
    Object.assign(old[1] as AuditRow, forgetting(old[1] as AuditRow, { target: 'nobody' }));
    expect(faultIn(old)).toBe(2);
  });

  test('are not added after newer ones', () => {
    const rows = chain([full], [full]);
    const last = rows[1] as AuditRow;
    const hash = oldChainHash(last.hash, full);
    rows.push({ ...full, id: 3, form: 1, salts, previous_hash: last.hash, hash });
    expect(faultIn(rows)).toBe(3);
  });
});
