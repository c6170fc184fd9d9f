import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';

import { createMetrics } from '../../src/observability/metrics.ts';

/** A metric, as the bot shows it or as the document describes it. */
interface Metric {
  readonly name: string;
  readonly type: string;
  readonly labels: string[];
}

const byName = (a: Metric, b: Metric) => (a.name < b.name ? -1 : 1);
const own = /\blawspeaker_\w+/gu;
const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
const promtool = async (...args: string[]) =>
  promisify(execFile)('promtool', args).then(
    ({ stdout }) => stdout,
    (error: unknown) => {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${stdout}${stderr}`);
    },
  );

let text: string;
beforeAll(async () => {
  const metrics = createMetrics({
    version: '1.2.3',
    isReady: async () => true,
    now: Date.now,
    onError: (error) => {
      throw error;
    },
  });
  // One value for each metric, so that each shows its labels.
  metrics.watch({
    homeservers: () => [
      { serverName: 'example.com', isUp: true },
      { serverName: 'two.example', isUp: false },
    ],
    canSpeak: () => true,
    sync: () => ({ ageMs: 1, failures: 1 }),
    reportReadings: () => [{ kind: 'event', serverName: 'two.example', ageMs: 1 }],
    values: async () => ({
      items: { open: 1 },
      oldestOpenAt: 1,
      reports: 1,
      ruleActionsLastHour: 1,
      ruleMatches: [{ rule: 'a', mode: 'act', count: 1 }],
      actions: [{ command: 'a', status: 'done', count: 1 }],
      work: [{ by: 'a', what: 'asked', count: 1 }],
      pending: { inbox: 1, outbox: 1, operations: 1, confirmations: 1, scheduled: 1 },
      steps: [
        { what: 'claimed', by: 'a', tookMs: 1 },
        { what: 'resolved', by: 'a', tookMs: 1 },
      ],
    }),
  });
  text = await metrics.text();
  metrics.stop();
});

/** The bot's own metrics in the text format of Prometheus. */
function shown(): Metric[] {
  return [...text.matchAll(/^# TYPE (lawspeaker_\w+) (\w+)$/gmu)].map(
    ([, name = '', type = '']) => {
      const sample = new RegExp(`^${name}(?:_bucket)?\\{(.*)\\} `, 'mu').exec(text)?.[1] ?? '';
      const labels = [...sample.matchAll(/(\w+)="/gu)].map(([, label = '']) => label);
      return { name, type, labels: labels.filter((label) => label !== 'le').sort() };
    },
  );
}

describe('docs/monitoring.md', () => {
  it('describes each metric with its type and labels', async () => {
    const page = await readFile('docs/monitoring.md', 'utf8');
    const described = [
      ...page.matchAll(/^\| `(lawspeaker_\w+)` +\| (\w+) +\| ([^|]*)\| \S/gmu),
    ].map(([, name = '', type = '', labels = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/gu)].map(([, label = '']) => label).sort(),
    }));
    const expected = shown()
      // It has no samples here: no request was made.
      .map((metric) =>
        metric.name === 'lawspeaker_homeserver_request_seconds'
          ? { ...metric, labels: ['api', 'method', 'status'] }
          : metric,
      );
    expect(described.sort(byName)).toEqual(expected.sort(byName));
  });

  it('names only metrics of the process that exist', async () => {
    const page = await readFile('docs/monitoring.md', 'utf8');
    const names = [...page.matchAll(/`((?:process|nodejs)_\w+)`/gu)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(3);
    expect(names.filter((name) => !text.includes(`# TYPE ${name} `))).toEqual([]);
  });
});

/** The queries of the dashboard. */
async function queries(): Promise<string[]> {
  const file = await readFile('docs/monitoring/grafana-dashboard.json', 'utf8');
  const { panels } = JSON.parse(file) as { panels: { targets?: { expr: string }[] }[] };
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
}

it('the dashboard and the alerts use only metrics and labels that the bot has', async () => {
  const alerts = parse(await readFile('docs/monitoring/alerts.yml', 'utf8')) as {
    groups: { rules: { expr: string }[] }[];
  };
  const all = [
    ...(await queries()),
    ...alerts.groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
  ];
  const names = new Set(shown().map(({ name }) => name));
  const used = all.flatMap((query) => query.match(own) ?? []);
  expect(used.length).toBeGreaterThan(30);
  expect(used.filter((name) => !names.has(name.replace(/_(?:bucket|count|sum)$/u, '')))).toEqual(
    [],
  );
  // Every metric of the bot has its place in one of the two.
  const unused = [...names].filter((name) => !used.some((one) => one.startsWith(name)));
  expect(unused).toEqual([]);
});

describe.skipIf(!hasPromtool)(
  'promtool (skipped if it is not installed: Debian’s prometheus)',
  () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-promtool-'));
    });
    afterAll(async () => rm(folder, { recursive: true, force: true }));

    it('reads the alert rules, and each alert fires when it should', async () => {
      expect(await promtool('check', 'rules', 'docs/monitoring/alerts.yml')).toContain('SUCCESS');
      expect(await promtool('test', 'rules', 'docs/monitoring/alerts.test.yml')).toContain(
        'SUCCESS',
      );
    });

    it('reads each query of the dashboard', async () => {
      const file = path.join(folder, 'queries.yml');
      const rules = (await queries()).map((expr, at) => ({
        record: `query:${at}`,
        expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', 'bot:9090'),
      }));
      await writeFile(file, stringify({ groups: [{ name: 'dashboard', rules }] }));
      expect(await promtool('check', 'rules', file)).toContain(`${rules.length} rules found`);
    });

    it('has nothing to say against the metrics themselves', async () => {
      const { stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: text,
        encoding: 'utf8',
      });
      expect(stderr.split('\n').filter((line) => line.includes('lawspeaker_'))).toEqual([]);
    });
  },
);
