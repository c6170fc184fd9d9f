import { readFile } from 'node:fs/promises';

import { array, assert, nat, property } from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { categoryOf, categoryRules } from '../../../src/services/transparency/categories.ts';
import { decisionKinds } from '../../../src/services/transparency/decision-kinds.ts';
import { createDurations } from '../../../src/services/transparency/durations.ts';
import { readDays } from '../../../src/services/transparency/period.ts';
import { createTransparencyService } from '../../../src/services/transparency/report.ts';
import {
  reportData,
  reportFormats,
  writeReport,
} from '../../../src/services/transparency/write-report.ts';
import type { ReportStore } from '../../support/report-store.ts';
import { openReportStore } from '../../support/report-store.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const days = readDays('2026-07-01', '2026-07-31');

let queue: ReportStore;
beforeEach(async () => {
  queue = await openReportStore();
});
afterEach(async () => queue[Symbol.asyncDispose]());

interface GivenAction {
  readonly actor?: string;
  readonly confirmer?: string;
  readonly step?: string;
  readonly reason?: string;
  readonly item?: number;
  readonly status?: string;
}

async function act(at: number, command: string, given: GivenAction = {}): Promise<number> {
  const { actor = '@ana:x', confirmer, step, reason, item, status = 'done' } = given;
  return queue.store.transaction(async ({ auditLog }) => {
    const id = await auditLog.begin(
      {
        actor,
        confirmer,
        command,
        arguments: { target: '@mallory:x', ...(step === undefined ? {} : { step }) },
        target: '@mallory:x',
        reason,
        eventId: '$e',
        roomId: '!management:x',
        itemId: item,
      },
      at,
    );
    await auditLog.finish(id, { status }, at + 1000);
    return id;
  });
}

const dataOf = async (hideBelow?: number) =>
  reportData(
    await createTransparencyService(queue.store).report(days, hideBelow),
  ) as unknown as Record<string, Record<string, unknown>>;

describe('the transparency report', () => {
  it('counts reports and decisions from the first moment of the first day to the last of the last', async () => {
    for (const at of [days.since - 1, days.since, days.until - 1, days.until]) {
      await queue.report({ at });
      await act(at, 'suspend');
    }
    const data = await dataOf();
    expect(data['reports']).toMatchObject({ total: 2 });
    expect(data['decisions_by_kind']?.['account_suspended']).toMatchObject({ total: 2, people: 2 });
  });

  it('counts what is forgotten by retention or at the command line as nobody’s decision', async () => {
    const before = await dataOf();
    await act(days.since, 'forget', { actor: 'retention' });
    await act(days.since, 'forget', { actor: 'cli:root' });
    expect(await dataOf()).toEqual(before);
  });

  it('tells who decided, about what, and what was taken back', async () => {
    const at = days.since + 3 * day;
    const item = await queue.report({ at, reason: 'he wants my CRYPTO wallet, 555-1234' });
    await queue.report({ at, user: '@eve:x', reason: 'Child abuse' });
    await queue.report({ at, reason: null });
    await queue.move(item, 'claimed', '@ben:x', at + 4 * minute);
    await queue.move(item, 'resolved', 'rule:fresh', at + 120 * minute);
    const banned = await act(at, 'ban', { actor: 'rule:fresh', item });
    await act(at, 'deactivate', { actor: 'rule:fresh', confirmer: '@ben:x', item });
    await act(at, 'takedown', { step: 'redact', reason: 'hate' });
    await act(at, 'quarantine', { status: 'failed' });
    await act(at, 'unban', { reason: `undo of #${banned}: wrong person` });
    await act(at, 'unmute', { actor: 'timer:4', reason: 'end of #2' });
    await act(at, 'unsuspend');
    await act(at, 'claim');

    const data = await dataOf();
    expect(data['reports']).toEqual({
      total: 3,
      about_messages: 2,
      about_accounts: 1,
      sign_up_waves: 0,
    });
    expect(data['reports_by_category']).toMatchObject({
      STATEMENT_CATEGORY_SCAMS_AND_FRAUD: 1,
      STATEMENT_CATEGORY_PROTECTION_OF_MINORS: 1,
      STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE: 1,
      STATEMENT_CATEGORY_VIOLENCE: 0,
    });
    expect(data['handling_of_reports']).toMatchObject({
      claimed: { people: 1, rules: 0 },
      resolved: { people: 0, rules: 1 },
    });
    expect(data['median_times_ms']).toEqual({ to_claim: 4 * minute, to_resolve: 120 * minute });
    expect(data['decisions_by_kind']).toMatchObject({
      service_restricted: { total: 1, people: 0, rules_confirmed: 0, rules: 1 },
      account_terminated: { total: 1, people: 0, rules_confirmed: 1, rules: 0 },
      content_removed: { total: 1, people: 1 },
      content_disabled: { total: 0 },
    });
    expect(data['decisions_by_category']).toMatchObject({
      STATEMENT_CATEGORY_SCAMS_AND_FRAUD: 2,
      STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH: 1,
    });
    expect(data['decisions_by_source']).toEqual({ reported: 2, own_initiative: 1 });
    expect(data['automated_decisions']).toEqual({
      total: 3,
      not_automated: 1,
      partially_automated: 1,
      fully_automated: 1,
      reversed: 1,
    });
    expect(data['automated_share_percent']).toEqual({
      fully_automated: 33.3,
      partially_automated: 33.3,
    });
    expect(data['reversals']).toEqual({
      undone_of_people: 0,
      undone_of_rules: 1,
      lifted: 1,
      ended_as_planned: 1,
    });
    expect(data['not_carried_out']).toEqual({ failed: 1, unknown: 0, open: 0 });
  });

  it('counts as reversals only what undoes decisions, not notes and tags', async () => {
    const banned = await act(days.since, 'ban');
    await act(days.since, 'unban', { reason: `undo of #${banned}` });
    for (const [done, undone] of [
      ['tag', 'untag'],
      ['note', 'remove-note'],
      ['resolve', 'reopen'],
    ] as const) {
      const entry = await act(days.since, done);
      await act(days.since, undone, { reason: `undo of #${entry}` });
    }
    expect((await dataOf())['reversals']).toMatchObject({ undone_of_people: 1, lifted: 0 });
  });

  it('has nothing of what people are called or wrote in any format, and is the same each time', async () => {
    const at = days.since + day;
    const secret = '=HYPERLINK("evil") Mallory Miller, spam';
    const item = await queue.report({ at, reason: secret, room: '!secret:x', roomName: 'Secret' });
    await queue.move(item, 'resolved', '@ana:x', at + 1);
    await act(at, 'suspend', { reason: secret, item });
    for (const format of reportFormats) {
      const service = createTransparencyService(queue.store);
      const text = writeReport(await service.report(days), format);
      expect(text).not.toMatch(/mallory|miller|evil|secret|@|![a-z]|\$e|rita|:x\b/iu);
      expect(text).toContain('2026-07-31');
      expect(text).toContain('UTC');
      expect(writeReport(await service.report(days), format)).toBe(text);
    }
  });

  it('writes tables that people and programs can read', async () => {
    await queue.report({ at: days.since });
    const report = await createTransparencyService(queue.store).report(days);
    const markdown = writeReport(report, 'md');
    expect(markdown).toContain('# Transparency report, 2026-07-01 to 2026-07-31\n');
    expect(markdown).toContain('| Reports by users of this server | 1 |\n');
    expect(markdown).toContain('| Other violation of the provider’s terms and conditions | 1 |');
    expect(markdown).toContain('All other categories: 0.');
    const [head, first] = writeReport(report, 'csv').split('\n');
    expect(head).toBe('from,to,time_zone,table,row,column,value');
    expect(first).toBe('2026-07-01,2026-07-31,UTC,reports,total,count,1');
    expect(JSON.parse(writeReport(report, 'json'))).toMatchObject({
      period: { from: '2026-07-01', to: '2026-07-31', time_zone: 'UTC' },
    });
  });

  it('hides small numbers, and the next one if the total would tell a single one', async () => {
    for (let at = 0; at < 20; at += 1) {
      const reason = at === 0 ? 'suicide' : at < 8 ? 'scam' : 'spam';
      await queue.report({ at: days.since + at, reason });
    }
    const categories = (await dataOf(5))['reports_by_category'];
    expect(categories).toMatchObject({
      STATEMENT_CATEGORY_SELF_HARM: '<5',
      STATEMENT_CATEGORY_SCAMS_AND_FRAUD: '<5',
      STATEMENT_CATEGORY_OTHER_VIOLATION_TC: 12,
      STATEMENT_CATEGORY_VIOLENCE: 0,
    });
  });

  it('hides the total of small numbers, wherever it could be seen', async () => {
    for (let at = 0; at < 3; at += 1) {
      await act(days.since + at, 'suspend', { reason: 'spam' });
      await queue.report({ at: days.since + at });
    }
    const data = await dataOf(5);
    expect(data['automated_decisions']).toMatchObject({
      total: '<5',
      not_automated: '<5',
      partially_automated: 0,
      fully_automated: 0,
    });
    expect(data['decisions_by_source']).toEqual({ reported: 0, own_initiative: '<5' });
    expect(data['reports']).toMatchObject({ total: '<5', about_messages: '<5' });
    expect(JSON.stringify(data)).not.toMatch(/:3[,}]/u);
  });

  it('leaves out the median of a few times, which is that of one report', async () => {
    const claimAfter = async (ms: number) =>
      queue.move(await queue.report({ at: days.since }), 'claimed', '@ben:x', days.since + ms);
    await claimAfter(7 * minute);
    const medians = async (below: number) => (await dataOf(below))['median_times_ms'];
    expect(await medians(2)).toEqual({ to_claim: null, to_resolve: null });
    await claimAfter(9 * minute);
    expect(await medians(2)).toEqual({ to_claim: 8 * minute, to_resolve: null });
    expect(await medians(3)).toEqual({ to_claim: null, to_resolve: null });
  });

  it('hides a larger number or a zero, too, where the total tells that all hidden ones are 1', async () => {
    const reasons = ['scam', 'suicide', ...Array.from({ length: 5 }, () => 'spam')];
    for (const [at, reason] of reasons.entries()) {
      await queue.report({ at: days.since + at, reason });
    }
    expect((await dataOf(5))['reports_by_category']).toMatchObject({
      STATEMENT_CATEGORY_SCAMS_AND_FRAUD: '<5',
      STATEMENT_CATEGORY_SELF_HARM: '<5',
      STATEMENT_CATEGORY_OTHER_VIOLATION_TC: '<5',
    });
  });

  it('hides everything where only that helps', async () => {
    const commands = ['deactivate', 'suspend', 'shadow-ban', 'redact', 'quarantine', 'ban'];
    for (const [at, command] of commands.entries()) {
      await act(days.since + at, command, { reason: 'spam' });
    }
    const data = await dataOf(5);
    expect(data['automated_decisions']).toMatchObject({ total: '<5', not_automated: '<5' });
    expect(data['decisions_by_source']).toMatchObject({ own_initiative: '<5' });
    expect(JSON.stringify(data)).not.toMatch(/:6[,}]/u);
  });

  it('shows who decided for all kinds or for none, so that sums tell nothing', async () => {
    const actions = [
      ['suspend', '@ana:x', 10],
      ['suspend', 'rule:fresh', 2],
      ['ban', '@ana:x', 7],
      ['ban', 'rule:fresh', 6],
    ] as const;
    for (const [command, actor, times] of actions) {
      for (let at = 0; at < times; at += 1) {
        await act(days.since + at, command, { actor });
      }
    }
    const data = await dataOf(5);
    expect(data['automated_decisions']).toMatchObject({ not_automated: 17, fully_automated: 8 });
    expect(data['decisions_by_kind']).toMatchObject({
      account_suspended: { total: 12, people: '<5', rules: '<5' },
      service_restricted: { total: 13, people: '<5', rules: '<5' },
    });
  });

  it('reads thousands of rows page by page and misses none', async () => {
    const total = 4500;
    await queue.store.transaction(async ({ auditLog, reports }) => {
      for (let at = 0; at < total; at += 1) {
        await auditLog.begin(
          { actor: '@ana:x', command: 'suspend', arguments: {}, eventId: '$e', roomId: '!r:x' },
          days.since + at,
        );
        await reports.add(
          {
            kind: 'event',
            reportId: at + 1,
            receivedTs: days.since + (at % 3),
            subject: '$same',
            reporter: `@r${at}:x`,
            reason: 'spam',
            score: null,
            roomId: '!r:x',
            roomName: null,
            sender: '@mallory:x',
          },
          days.since,
          { isBacklog: false, isQuiet: false },
        );
      }
    });
    const data = await dataOf();
    expect(data['reports']).toMatchObject({ total });
    expect(data['not_carried_out']).toMatchObject({ open: total });
  });
});

describe('the parts', () => {
  it('reads days, and says what is wrong with others', () => {
    expect(days.until - days.since).toBe(31 * day);
    expect(readDays('2024-02-29', '2024-02-29')).toMatchObject({ from: '2024-02-29' });
    expect(() => readDays('2026-02-30', '2026-03-01')).toThrow('`2026-02-30` is not a day');
    expect(() => readDays('7d', '2026-03-01')).toThrow('`--from`: `7d` is not a day');
    expect(() => readDays('2026-07-01', undefined)).toThrow('`--to` is missing');
    expect(() => readDays('2026-07-02', '2026-07-01')).toThrow('`--from` is later than `--to`');
  });

  it('sorts reasons by whole words', () => {
    expect(categoryOf('SPAMMER')).toBe('STATEMENT_CATEGORY_OTHER_VIOLATION_TC');
    expect(categoryOf('csam spam')).toBe('STATEMENT_CATEGORY_PROTECTION_OF_MINORS');
    expect(categoryOf('drugstore')).toBe('STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE');
    expect(categoryOf('scapegoat, robotic')).toBe('STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE');
    expect(categoryOf(null)).toBe('STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE');
  });

  it('finds the median as a sorted list does, to four digits', () => {
    assert(
      property(array(nat({ max: 10 ** 10 }), { minLength: 1, maxLength: 50 }), (given) => {
        const durations = createDurations();
        given.forEach((one) => durations.add(one));
        const sorted = given.toSorted((one, other) => one - other);
        const exact =
          ((sorted[Math.floor(sorted.length / 2)] ?? 0) +
            (sorted[Math.ceil(sorted.length / 2) - 1] ?? 0)) /
          2;
        expect(Math.abs((durations.median() ?? -1) - exact)).toBeLessThanOrEqual(exact / 1000 + 1);
      }),
    );
    expect(createDurations().median()).toBeUndefined();
  });

  it('knows every command that it names, and documents every word', async () => {
    const commands = await loadCommands();
    const known = new Set(commands.map(({ name }) => name));
    const named = Object.values(decisionKinds).flatMap((kind): string[] => [...kind.commands]);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    const guide = await readFile('docs/transparency.md', 'utf8');
    for (const { code, words } of categoryRules) {
      const line = guide.split('\n').find((one) => one.includes(code));
      expect(words.filter((word) => line?.includes(`\`${word}\``) !== true)).toEqual([]);
    }
    for (const kind of Object.values(decisionKinds)) {
      expect(guide).toContain(kind.commands.map((name) => `\`${name}\``).join(', '));
    }
  });
});
