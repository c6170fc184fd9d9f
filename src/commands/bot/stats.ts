import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer, Block, Content } from '../../chat/answers/answer.ts';
import { count, dateTime, exactSpan, span, whole } from '../../chat/answers/phrases.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { dayMs, hourMs, writeDuration } from '../../core/duration.ts';
import { UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import type { ActionKind, Overview, Worker } from '../../services/bot/statistics-service.ts';
import { statsChart } from '../../services/charts/stats-chart.ts';
import { bars } from './parts/bars.ts';
import { drawn, withPicture } from './parts/picture.ts';

const usualLastMs = 30 * dayMs;
const maxLastMs = 730 * dayMs;
/** How many moderators and rules are shown; `data` has all. */
const shownWorkers = 10;
const shownKinds = 8;

const barNames: ReadonlyMap<number, string> = new Map([
  [hourMs, '1 bar = 1 hour'],
  [dayMs, '1 bar = 1 day'],
  [7 * dayMs, '1 bar = 1 week'],
  [28 * dayMs, '1 bar = 4 weeks'],
]);

export default defineCommand({
  name: 'stats',
  synonyms: ['chart', 'graph', 'statistics'],
  summary: 'Shows actions and reports over time, as text and as a picture',
  does: [
    'count days in UTC',
    'count reports by when the homeserver received them, including those before the bot started',
    'say all numbers as text, and send a picture of them after it',
  ],
  doesNot: ['count actions that bypass the bot'],
  args: {
    last: flag('duration', 'How far back, from 1h to 730d (default: 30d)', {
      placeholder: '30d',
      bare: true,
    }),
    picture: flag('boolean', 'Send a picture, too', { default: true }),
  },
  danger: 'read',
  example: 'stats --last 30d',
  check({ last = usualLastMs }) {
    if (last < hourMs || last > maxLastMs) {
      throw new UsageError('`--last` must be from `1h` to `730d`.', { word: '--last' });
    }
  },
  async run({ args: { last = usualLastMs, picture }, services, now }) {
    const overview = await services.statistics.overview(last, now);
    const isDrawn = picture && isSomething(overview);
    return {
      overview,
      picture: isDrawn
        ? await drawn(services, statsChart(overview, { period: periodOf(last), span }))
        : undefined,
    };
  },
  answer({ args, now }, { overview, picture }): Answer {
    const answer: Answer = {
      mark: 'ℹ️',
      title: title(overview, now),
      body: [
        facts(
          `Last ${writeDuration(args.last ?? usualLastMs)}`,
          `${dateTime(overview.since).replace(/ .*/u, '')} to today`,
          barNames.get(overview.stepMs) ?? '',
        ),
        ...chart('report', overview.reports, overview),
        ...chart('item', overview.closed, overview, ' closed'),
        ...chart('action', overview.actions, overview),
        facts(
          `${overview.resolved} resolved`,
          `${overview.dismissed} dismissed`,
          `${overview.items.open} open`,
          `${overview.items.claimed} claimed`,
          overview.failedActions > 0 && `${count(overview.failedActions, 'action')} failed`,
          overview.refusals > 0 && `${count(overview.refusals, 'command')} refused`,
        ),
        ...kinds(overview),
        ...medians(overview),
        ...ruleShare(overview),
        ...rules(overview),
        ...moderators(overview),
        ...others(overview),
        ...list(
          'Most reported rooms',
          overview.topRooms.map(({ roomId, roomName, items }) => [
            roomName === null || roomName.trim() === '' ? code(cut(roomId)) : cut(roomName),
            ` ${count(items, 'item')}`,
          ]),
        ),
        ...list(
          'Most reported users',
          overview.topSenders.map(({ sender, items }) => [
            code(cut(sender, 255)),
            ` ${count(items, 'item')}`,
          ]),
        ),
      ],
      next: pendingItems(overview) > 0 ? ['reports'] : [],
      data: overview,
    };
    const period = periodOf(args.last ?? usualLastMs);
    return withPicture(answer, picture, {
      name: 'stats.png',
      description: `${period}: reports opened and closed, and actions by outcome and command. The message before has the numbers as text.`,
    });
  },
});

/** `Last 30 days` */
const periodOf = (lastMs: number): string => `Last ${exactSpan(lastMs)}`;

/** Whether there is anything to draw. */
function isSomething({ reports, closed, kinds: actions }: Overview): boolean {
  return actions.length > 0 || [...reports, ...closed].some((number) => number > 0);
}

const pendingItems = ({ items }: Overview): number => items.open + items.claimed;

/** `12 items open, 3 of them claimed, the oldest for 5 hours` */
function title(overview: Overview, now: number): Content {
  const { items, oldestOpenAt } = overview;
  const pending = pendingItems(overview);
  if (pending === 0) {
    return [bold('No open reports')];
  }
  return [
    bold(`${count(pending, 'item')} open`),
    items.claimed > 0 ? `, ${items.claimed} of them claimed` : '',
    oldestOpenAt === undefined ? '' : `, the oldest for ${span(now - oldestOpenAt)}`,
  ];
}

/** The totals come first, in words: a screen reader reads the bars one by one. */
function chart(
  noun: string,
  numbers: readonly number[],
  { since, stepMs }: Overview,
  what = '',
): Block[] {
  const sum = numbers.reduce((total, number) => total + number, 0);
  if (sum === 0) {
    return [line(`No ${noun}s${what}`)];
  }
  const most = Math.max(...numbers);
  return [
    facts(
      [bold(count(sum, noun)), what],
      `peak ${timeOf(since + numbers.indexOf(most) * stepMs, stepMs)}: ${most}`,
    ),
    line(code(bars(numbers))),
  ];
}

function timeOf(at: number, stepMs: number): string {
  const [day = '', clock = ''] = dateTime(at).split(' ');
  return stepMs === hourMs
    ? `on ${day} at ${clock} UTC`
    : `${stepMs === dayMs ? 'on' : 'from'} ${day}`;
}

function medians({ medianClaimMs, medianCloseMs }: Overview): Block[] {
  return medianClaimMs === undefined && medianCloseMs === undefined
    ? []
    : [
        facts(
          medianClaimMs !== undefined && `Median time to claim: ${span(medianClaimMs)}`,
          medianCloseMs !== undefined &&
            `${medianClaimMs === undefined ? 'Median time' : 'median time'} to close: ${span(medianCloseMs)}`,
        ),
      ];
}

/** Actions by command and outcome. */
function kinds({ kinds: all, kindsOfNewest }: Overview): Block[] {
  const rest = all.slice(shownKinds);
  return list(
    kindsOfNewest === undefined
      ? 'Actions by command'
      : `Actions by command (in the newest ${count(kindsOfNewest, 'row')} of the audit log)`,
    [
      ...all
        .slice(0, shownKinds)
        .map((kind): Content => [code(cut(kind.command)), ` ${outcomesOf(kind)}`]),
      ...(rest.length > 0 ? [[`and ${rest.length} more`]] : []),
    ],
  );
}

function outcomesOf({ done, failed, refused }: ActionKind): string {
  return [
    done > 0 && `${whole(done)} done`,
    failed > 0 && `${whole(failed)} failed`,
    refused > 0 && `${whole(refused)} refused`,
  ]
    .filter((part) => part !== false)
    .join(', ');
}

/** What rules did by themselves. */
function ruleShare({ byRules }: Overview): Block[] {
  const { actions, closed, sharePercent, undone } = byRules;
  return actions + closed + undone === 0
    ? []
    : [
        facts(
          sharePercent !== undefined &&
            `Rules: ${sharePercent}% of the actions (${whole(actions)}), ${whole(undone)} undone`,
          closed > 0 && `${count(closed, 'item')} closed by rules`,
        ),
      ];
}

function list(title: string, items: readonly Content[]): Block[] {
  return items.length === 0 ? [] : [line(bold(title)), { kind: 'list', items }];
}

function rules({ rules: matches, workers }: Overview): Block[] {
  const names = new Set([
    ...matches.map(({ rule }) => rule),
    ...workers.flatMap(({ by }) => (by.startsWith('rule:') ? [by.slice('rule:'.length)] : [])),
  ]);
  return list(
    'By rule',
    [...names].slice(0, shownWorkers).map((name) => {
      const byMode = matches
        .filter(({ rule }) => rule === name)
        .map(({ mode, count: times }) => `${times} to ${mode}`);
      const worker = workers.find(({ by }) => by === `rule:${name}`);
      return [
        code(cut(name)),
        ` ${[...(byMode.length === 0 ? [] : [`matched ${byMode.join(', ')}`]), ...countsOf(worker)].join(', ')}`,
      ];
    }),
  );
}

/** What the bot does by itself, except rules. */
const botNames: ReadonlyMap<string, string> = new Map([
  ['timer', 'timers'],
  ['retention', 'retention'],
  ['nobody', 'nobody'],
]);

/** Somebody at the command line need not be a moderator. */
const isOther = ({ by }: Worker) => botNames.has(by) || by.startsWith('cli:');

function moderators({ workers }: Overview): Block[] {
  return listOf(
    'By moderator',
    workers.filter((worker) => !worker.by.startsWith('rule:') && !isOther(worker)),
  );
}

function others({ workers }: Overview): Block[] {
  return listOf('By the bot, or at the command line', workers.filter(isOther));
}

function listOf(title: string, workers: readonly Worker[]): Block[] {
  const rest = workers.length - shownWorkers;
  return list(title, [
    ...workers
      .slice(0, shownWorkers)
      .map((worker): Content => [
        botNames.get(worker.by) ?? code(cut(worker.by, 255)),
        ` ${countsOf(worker).join(', ')}`,
      ]),
    ...(rest > 0 ? [[`and ${rest} more`]] : []),
  ]);
}

function countsOf(worker: Worker | undefined): string[] {
  const { claimed = 0, resolved = 0, dismissed = 0, actions = 0 } = worker ?? {};
  return [
    claimed > 0 && `claimed ${claimed}`,
    resolved > 0 && `resolved ${resolved}`,
    dismissed > 0 && `dismissed ${dismissed}`,
    actions > 0 && count(actions, 'action'),
  ].filter((part) => part !== false);
}
