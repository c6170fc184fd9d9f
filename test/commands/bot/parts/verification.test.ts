import { expect, test } from 'vitest';

import { verifiedAnswer } from '../../../../src/commands/bot/parts/verification.ts';
import { render } from '../../../../src/matrix/delivery/content.ts';
import type { Compared, Verified } from '../../../../src/services/services.ts';

const minute = 60_000;
const now = Date.UTC(2026, 10, 28, 19, 0);
const newest = { count: 4, head: 'a'.repeat(64), at: now - 5 * minute };
const here: Compared = {
  kind: 'management-room',
  place: '!r:x',
  isFormer: false,
  heads: 2,
  newest,
  misfit: undefined,
  ofLostRows: 0,
  removed: 0,
  replaced: 0,
  carriesMisfit: false,
  vanished: undefined,
  unreadable: 0,
  isWhole: true,
  failure: undefined,
};

const linesOf = (fields: Partial<Verified>) =>
  render(
    verifiedAnswer(
      {
        count: 6,
        head: 'b'.repeat(64),
        fault: undefined,
        witnesses: [here],
        anchored: newest,
        unanchored: undefined,
        restorations: [],
        isIncomplete: false,
        ...fields,
      },
      now,
    ),
    '!',
  ).body.split('\n');

test('of new rows, a calm answer says when the next head covers them', () => {
  const unanchored = { from: 5, to: 6, since: now - minute, due: now + 15 * minute };
  const lines = linesOf({ unanchored });
  expect(lines[0]).toBe('✅ The audit log is intact: 6 rows');
  expect(lines).toContain(
    'Rows 5 to 6 are new: the next head covers them, by 19:15 UTC at the latest.',
  );
  expect(linesOf({ unanchored: { ...unanchored, due: now - minute } })).toContain(
    'Rows 5 to 6, since 18:59 UTC, are not anchored: if somebody cut them off, nothing here would show it.',
  );
});

test('the first line alone warns, and what other heads cover is said to be covered', () => {
  const failure = 'the homeserver refuses (M_FORBIDDEN)';
  const former: Compared = { ...here, kind: 'room', isFormer: true, heads: 0, failure };
  const witnesses = [{ ...here, removed: 1, replaced: 1, vanished: newest }, former];
  const covered = linesOf({ witnesses });
  expect(covered).toContain(
    '1 head was removed there by somebody; other heads cover the same rows',
  );
  expect(covered).toContain(
    `In the former room !r:x: not compared, ${failure}; another place has a head of that time`,
  );
  const uncovered = linesOf({ witnesses, isIncomplete: true });
  expect(uncovered[0]).toContain('⚠️ The audit log’s chain is in order, but not everything');
  expect(uncovered).toContain(
    '1 head was gone there when I wrote the next: rows could have been changed before',
  );
  for (const line of [...covered, ...uncovered.slice(1)]) {
    expect(line).not.toContain('⚠️');
  }
});
