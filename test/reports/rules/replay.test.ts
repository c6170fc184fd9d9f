import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { program } from '../../../dev/room/bot-process.ts';
import { readReplayData } from '../../../src/reports/rules/replay-input.ts';
import { matchLine, summaryLines } from '../../../src/reports/rules/replay-text.ts';
import { replay } from '../../../src/reports/rules/replay.ts';
import { createRules } from '../../../src/reports/rules/rule.ts';
import { openStore } from '../../../src/store/store.ts';
import type { Store } from '../../../src/store/store.ts';
import type { ItemState } from '../../../src/store/tables/reports/report-items.ts';
import { createTestDatabase, onPostgres } from '../../support/test-database.ts';
import type { TestDatabase } from '../../support/test-database.ts';
import {
  dayMs,
  hourMs,
  massReported,
  minuteMs,
  now,
  rulesConfigured,
  surroundings,
} from './rule-input.ts';
import type { PartialRule } from './rule-input.ts';

let folder: string;
let database: TestDatabase;
let store: Store;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-replay-'));
  database = await createTestDatabase();
  store = await openStore(database.place);
  reportId = 0;
});
afterEach(async () => {
  await store.close();
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

let reportId = 0;

interface Reported {
  readonly at?: number;
  readonly sender?: string;
  readonly reason?: string;
  /** Days that the reporter's account is old; 0 for not known. */
  readonly reporterDays?: number;
  readonly senderDays?: number;
  readonly body?: string;
}

/** Somebody reports a message; returns the number of its item. */
async function report(event: string, reporter: string, of: Reported = {}): Promise<number> {
  const { at = now, sender = '@mallory:localhost', reporterDays = 30, senderDays = 1 } = of;
  reportId += 1;
  const joined = await store.reports.add(
    {
      kind: 'event',
      reportId,
      receivedTs: at,
      subject: event,
      reporter: `@${reporter}:localhost`,
      reason: of.reason ?? 'spam',
      score: -100,
      roomId: '!lobby:localhost',
      roomName: '#lobby:localhost',
      sender,
    },
    at,
    { isBacklog: false, isQuiet: false },
  );
  const item = Number(joined?.itemId);
  await store.reportWork.setDetails(item, {
    senderCreatedAt: at - senderDays * dayMs,
    content: JSON.stringify({
      type: 'm.room.message',
      msgtype: 'm.text',
      body: of.body ?? 'cheap coins',
      isEncrypted: false,
    }),
  });
  if (reporterDays > 0) {
    await store.reports.setReporter(item, `@${reporter}:localhost`, {
      createdAt: at - reporterDays * dayMs,
      isRestricted: false,
    });
  }
  return item;
}

/** Three people report a message, a minute after each other. */
async function mass(event: string, at: number, of: Reported = {}): Promise<number> {
  await report(event, 'ana', { ...of, at: at - 2 * minuteMs });
  await report(event, 'ben', { ...of, at: at - minuteMs });
  return report(event, 'cyd', { ...of, at });
}

const close = async (item: number, state: ItemState, at: number, by = '@mod:localhost') =>
  store.reportItems.move(item, { state, by, isShown: true }, at);

async function replayed(
  rules: readonly PartialRule[],
  { since = now - 30 * dayMs, maxActionsPerHour = 10 } = {},
) {
  const made = createRules(rulesConfigured(...rules), surroundings);
  const result = replay(await readReplayData(store), made, { since, maxActionsPerHour });
  return {
    ...result,
    lines: result.matches.map(matchLine),
    summary: summaryLines(result, made, since),
  };
}

const shadowBan = 'shadow-ban @mallory:localhost --for=1d';

describe('a replay', () => {
  test('fires when the third trustworthy person reports, once an item', async () => {
    const item = await mass('$one', now);
    await report('$one', 'dan', { at: now + minuteMs });
    await mass('$two', now + dayMs, { reporterDays: 2 });
    await mass('$three', now + 2 * dayMs, { reason: 'rude' });
    const { lines, reports, items } = await replayed([massReported]);
    expect(lines).toEqual([
      `2026-11-21 12:00 UTC  fresh-account-mass-reported  act  #${item}  @mallory:localhost  ${shadowBan}`,
    ]);
    expect({ reports, items }).toEqual({ reports: 10, items: 3 });
  });

  test('goes by time, not by the order in which reports were taken in', async () => {
    await report('$one', 'cyd', { at: now });
    await report('$one', 'ben', { at: now - minuteMs });
    await report('$one', 'ana', { at: now - 2 * minuteMs });
    const { matches } = await replayed([massReported]);
    expect(matches.map(({ at }) => at)).toEqual([now]);
  });

  test('sees earlier reports of an item, and does not fire for them', async () => {
    await report('$one', 'ana', { at: now - 20 * minuteMs });
    await report('$one', 'ben', { at: now - 10 * minuteMs });
    await mass('$before', now - hourMs);
    await report('$one', 'cyd', { at: now });
    const { matches, reports } = await replayed([massReported], { since: now });
    expect(matches.map(({ item }) => item.subject)).toEqual(['$one']);
    expect(reports).toBe(1);
  });

  test('knows how often the sender was reported before', async () => {
    const rule = { when: { earlierItems: { atLeast: 1 } }, name: 'again' };
    await report('$one', 'ana');
    await report('$other', 'ana', { sender: '@oscar:localhost' });
    await report('$two', 'ana');
    const { matches } = await replayed([rule]);
    expect(matches.map(({ item }) => item.subject)).toEqual(['$two']);
  });

  test('sees the tags that there were at that time, and says what it leaves out', async () => {
    const tagged = (subject: string, from: number, expiresAt: number | null) =>
      store.tags.add(
        { subject, name: 'spammer', author: '@mod:localhost', at: from, expiresAt },
        '$command',
      );
    await tagged('@mallory:localhost', now - 10 * minuteMs, now - 5 * minuteMs);
    await store.tags.remove('@mallory:localhost', 'spammer', now);
    await tagged('@mallory:localhost', now + minuteMs, null);
    await store.tags.remove('@mallory:localhost', 'spammer', now + 3 * minuteMs);
    await tagged('!lobby:localhost', now + 4 * minuteMs, null);
    const times = [-11, -10, -6, -5, 0, 1, 2, 3, 4];
    for (const at of times) {
      await report(`$at${at}`, 'ana', { at: now + at * minuteMs });
    }
    const ofSender = { name: 'sender', when: { tags: { anyOf: ['spammer'] } } };
    const ofRoom = { name: 'room', when: { roomTags: { anyOf: ['spammer'] } } };
    const { matches, summary } = await replayed([ofSender, ofRoom]);
    const subjects = (name: string) =>
      matches.filter(({ rule }) => rule.name === name).map(({ item }) => item.subject);
    expect(subjects('sender')).toEqual(['$at-10', '$at-6', '$at1', '$at2']);
    expect(subjects('room')).toEqual(['$at4']);
    expect(summary.join('\n')).toContain('when a tag is set or removed; a replay does not');
    const { summary: other } = await replayed([massReported]);
    expect(other.join('\n')).not.toContain('tag');
  });

  test('judges reporters by what was known of them then', async () => {
    for (let at = 1; at <= 3; at += 1) {
      const item = await report(`$false${at}`, 'eve', { at: now - 10 * hourMs });
      await close(item, 'dismissed', now - hourMs);
    }
    const rule: PartialRule = {
      name: 'two',
      mode: 'propose',
      when: { distinctReporters: { atLeast: 2 } },
    };
    await report('$before', 'ana', { at: now - 3 * hourMs });
    await report('$before', 'eve', { at: now - 2 * hourMs });
    await report('$after', 'ana', { at: now - minuteMs });
    await report('$after', 'eve', { at: now });
    const { matches } = await replayed([rule]);
    expect(matches.map(({ item }) => item.subject)).toEqual(['$before']);
  });

  test('has the breaker of the day', async () => {
    for (let at = 0; at < 4; at += 1) {
      await mass(`$event${at}`, now + at * minuteMs);
    }
    await mass('$later', now + 2 * hourMs);
    const watch: PartialRule = {
      name: 'watch',
      when: { distinctReporters: { atLeast: 3 } },
      then: ['deactivate {sender}'],
    };
    const { matches, lines, summary } = await replayed([massReported, watch], {
      maxActionsPerHour: 2,
    });
    const modes = (name: string) =>
      matches.filter(({ rule }) => rule.name === name).map(({ mode }) => mode);
    expect(modes(massReported.name)).toEqual(['act', 'act', 'propose', 'propose', 'act']);
    expect(modes('watch')).toEqual(Array.from({ length: 5 }, () => 'observe'));
    expect(lines.filter((line) => line.includes('  propose (the breaker)  '))).toHaveLength(2);
    expect(summary[0]).toBe(
      'fresh-account-mass-reported  5 items: act 3, propose 2; held back by the breaker 2; people resolved 0, dismissed 0, left open 5',
    );
    const tagging = { ...massReported, then: ['tag {sender} seen', 'shadow-ban {sender}'] };
    const { matches: tagged } = await replayed([tagging], { maxActionsPerHour: 2 });
    expect(tagged.map(({ mode }) => mode)).toEqual(['act', 'act', 'propose', 'propose', 'act']);
    const { matches: none } = await replayed([massReported], { maxActionsPerHour: 0 });
    expect(none.map(({ mode }) => mode)).not.toContain('act');
  });

  test('tells what people made of the same items', async () => {
    await close(await mass('$good', now), 'resolved', now + 1);
    await close(await mass('$bad', now), 'dismissed', now + 1);
    await close(await mass('$mine', now), 'claimed', now + 1);
    await mass('$open', now);
    await close(await mass('$itself', now), 'resolved', now + 1, 'rule:fresh');
    const { summary } = await replayed([
      massReported,
      { name: 'never', when: { sender: 'remote' } },
    ]);
    expect(summary.slice(0, 2)).toEqual([
      'fresh-account-mass-reported  5 items: act 5; people resolved 1, dismissed 1, left open 2; closed by a rule 1',
      'never                        matched nothing',
    ]);
    expect(summary[2]).toContain('15 reports on 5 items since 2026-10-22 12:00 UTC');
    expect(summary.join('\n')).toContain('A replay does not ask the homeserver who is protected');
  });

  test('says why a line would have done nothing, and what is not known', async () => {
    await report('$one', 'ana', { sender: '@eve:elsewhere', reporterDays: 0 });
    const { lines, summary } = await replayed([
      {
        name: 'watch',
        when: { sender: 'remote' },
        then: ['shadow-ban {sender}', 'redact {event}'],
      },
    ]);
    expect(lines).toEqual([
      '2026-11-21 12:00 UTC  watch  observe  #1  @eve:elsewhere  nothing: @eve:elsewhere is on another server ; redact https://matrix.to/#/!lobby%3Alocalhost/%24one',
    ]);
    expect(summary.join('\n')).toContain('1 report by accounts of unknown age');
  });

  test('of nothing', async () => {
    const { lines, summary } = await replayed([massReported]);
    expect(lines).toEqual([]);
    expect(summary[0]).toBe('fresh-account-mass-reported  matched nothing');
    expect(summary[1]).toContain('no reports on no items');
  });
});

// Processes take their time where many tests run.
describe('on the command line', { timeout: 60_000 }, () => {
  interface Ended {
    readonly status: number;
    readonly output: string;
    readonly errors: string;
  }

  const configFile = () => path.join(folder, 'config.yaml');
  let place: TestDatabase['config'];
  beforeEach(() => {
    place = database.config;
  });

  const lawspeaker = async (rules: readonly object[], ...args: string[]): Promise<Ended> =>
    lawspeakerWith({ rules }, ...args);

  async function lawspeakerWith(reports: object, ...args: string[]): Promise<Ended> {
    const file = configFile();
    const config = {
      homeserver: { url: 'http://127.0.0.1:9', accessToken: 'syt_secret' },
      managementRoom: '!room:localhost',
      database: place,
      reports,
    };
    // One key a line, as people write it.
    writeFileSync(file, JSON.stringify(config, undefined, 2));
    return new Promise((resolve) => {
      execFile(process.execPath, [program, ...args, '--config', file], (error, output, errors) =>
        resolve({ status: error === null ? 0 : Number(error.code), output, errors }),
      );
    });
  }

  test('while the bot is at work on the same database', async () => {
    const item = await mass('$one', Date.now() - hourMs);
    const { status, output, errors } = await lawspeaker([massReported], 'rules', 'test');
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    expect(output).toContain(`  act  #${item}  @mallory:localhost  ${shadowBan}\n`);
    expect(output).toContain('fresh-account-mass-reported  1 item: act 1;');
    expect(output).toContain('Nothing was changed.');
    expect((await store.reportItems.get(item))?.state).toBe('open');
    expect(await store.ruleMatches.ofItem(item)).toEqual([]);
  });

  test('since when', async () => {
    await mass('$one', Date.now() - 10 * dayMs);
    const fired = async (since: string) => {
      const { output } = await lawspeaker([massReported], 'rules', 'test', '--since', since);
      return output.includes('  act  ');
    };
    expect(await fired('9d')).toBe(false);
    expect(await fired('11d')).toBe(true);
    expect(await fired('2026-01-01')).toBe(Date.now() > Date.UTC(2026, 0, 12));
    const { status, errors } = await lawspeaker([], 'rules', 'test', '--since', 'monday');
    expect(status).toBe(2);
    expect(errors).toContain('--since: monday is not a valid date.');
    expect((await lawspeaker([], 'audit', 'verify', '--since', '7d')).errors).toContain(
      '--since can only be used with rules test',
    );
  });

  test('a rule on sign-ups is not about what the database has', async () => {
    const onSignUps = { name: 'wave', when: { signups: { atLeast: 20, within: '10m' } } };
    const { status, output } = await lawspeaker([onSignUps, massReported], 'rules', 'test');
    expect(status).toBe(0);
    expect(output).toContain('wave  is about sign-ups, which are not in the database.');
    expect(output).toContain('fresh-account-mass-reported  matched nothing');
  });

  test('without rules, it says so', async () => {
    const { status, output } = await lawspeaker([], 'rules', 'test');
    expect(status).toBe(0);
    expect(output).toContain('There are no rules');
  });

  test.each([
    ['check-config', 'a rule that can’t be used'],
    ['rules test', 'the same'],
  ])('%s ends with 2 on %s, and names its line', async (command) => {
    const bad = {
      ...massReported,
      then: ['shadow-ban {sender} --for ever', 'shadow-ban @ben:localhost'],
    };
    const { status, errors, output } = await lawspeaker([bad], ...command.split(' '));
    expect(status).toBe(2);
    const lines = readFileSync(configFile(), 'utf8').split('\n');
    const lineOf = (text: string) => lines.findIndex((line) => line.includes(text)) + 1;
    expect(errors).toMatch(
      / {2}reports\.rules\.0\.then\.0: `--for`: `ever` is not a valid duration\./u,
    );
    expect(errors).toContain(` (line ${lineOf('--for ever')})\n  reports.rules.0.then.1: `);
    expect(errors).toContain(` (line ${lineOf('@ben')})\n`);
    expect(errors).not.toMatch(/^\s+at /mu);
    expect(output).not.toContain('syt_secret');
  });

  test('check-config ends with 2 on an action that can’t be used, and names its line', async () => {
    const actions = { '🚫': 'shadow-ban {sender} --for ever', '🔒': '!lok {sender}', '👻': 'off' };
    const { status, errors, output } = await lawspeakerWith({ actions }, 'check-config');
    expect(status).toBe(2);
    const lines = readFileSync(configFile(), 'utf8').split('\n');
    const lineOf = (text: string) => lines.findIndex((line) => line.includes(text)) + 1;
    expect(errors).toMatch(
      / {2}reports\.actions\.🚫: `--for`: `ever` is not a valid duration\..* \(line (\d+)\)/u,
    );
    expect(errors).toContain(` (line ${lineOf('--for ever')})\n`);
    expect(errors).toContain(
      `  reports.actions.🔒: There is no command \`lok\`. Did you mean \`lock\`? (line ${lineOf('lok')})`,
    );
    expect(output).toContain('reports.rules: none configured');
  });

  test('without a database', async () => {
    place =
      'url' in place
        ? { url: place.url.replace(/[^/]*(?=\?)/u, 'none') }
        : { path: path.join(folder, 'none') };
    const { status, errors } = await lawspeaker([massReported], 'rules', 'test');
    expect(status).toBe(2);
    expect(errors).toContain('/none');
  });
});

/** To store them takes time on PostgreSQL: milliseconds for each. */
const many = onPostgres ? 2000 : 10_000;

test(`${many} reports take a second or two`, async () => {
  await store.transaction(async ({ reports, reportItems }) => {
    for (let at = 0; at < many; at += 1) {
      // Half of them about one message.
      const event = at % 2 === 0 ? '$popular' : `$event${at % 3000}`;
      const receivedTs = now - dayMs + at * 1000;
      const reporter = `@user${at % 2500}:localhost`;
      const joined = await reports.add(
        {
          kind: 'event',
          reportId: at,
          receivedTs,
          subject: event,
          reporter,
          reason: `spam and scam ${at}`,
          score: -100,
          roomId: '!lobby:localhost',
          roomName: null,
          sender: `@sender${at % 50}:localhost`,
        },
        receivedTs,
        { isBacklog: false, isQuiet: true },
      );
      const itemId = Number(joined?.itemId);
      if (joined?.isNewItem === true && at % 5 === 0) {
        await reportItems.move(
          itemId,
          { state: 'dismissed', by: '@m:x', isShown: true },
          receivedTs + 1,
        );
      }
      await reports.setReporter(itemId, reporter, { createdAt: 0, isRestricted: false });
    }
  });
  const rules: PartialRule[] = [
    massReported,
    {
      name: 'never',
      when: {
        distinctReporters: { atLeast: 1000, within: '1h' },
        reason: { matches: 'spam.*scam' },
      },
    },
    { name: 'content', when: { content: { matches: 'coins' } } },
    {
      name: 'often',
      mode: 'propose',
      when: { distinctReporters: { atLeast: 4 } },
      then: ['redact {event}'],
    },
  ];
  const started = performance.now();
  const { reports } = await replayed(rules);
  expect(reports).toBe(many);
  // What grows faster than the reports would take minutes.
  expect(performance.now() - started).toBeLessThan(20_000);
}, 60_000);
