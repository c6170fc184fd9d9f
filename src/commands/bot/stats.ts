import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer, Block, Content } from '../../chat/answers/answer.ts';
import { count, dateTime, span } from '../../chat/answers/phrases.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { dayMs, hourMs, writeDuration } from '../../core/duration.ts';
import { UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import type { Overview, Worker } from '../../services/bot/statistics-service.ts';
import { bars } from './parts/bars.ts';

const usualLastMs = 30 * dayMs;
const maxLastMs = 730 * dayMs;
/** How many moderators and rules are shown; `data` has all. */
const shownWorkers = 10;

const barNames: ReadonlyMap<number, string> = new Map([
  [hourMs, '1 bar = 1 hour'],
  [dayMs, '1 bar = 1 day'],
  [7 * dayMs, '1 bar = 1 week'],
  [28 * dayMs, '1 bar = 4 weeks'],
]);

export default defineCommand({
  name: 'stats',
  synonyms: ['chart', 'graph', 'statistics'],
  summary: 'Shows actions and reports over time as bar charts',
  does: [
    'count days in UTC',
    'count reports by when the homeserver received them, including those before the bot started',
    'draw the charts with text characters, which every client can show',
  ],
  doesNot: ['count actions that bypass the bot'],
  args: {
    last: flag('duration', 'How far back, from 1h to 730d (default: 30d)', {
      placeholder: '30d',
      bare: true,
    }),
  },
  danger: 'read',
  example: 'stats --last 30d',
  check({ last = usualLastMs }) {
    if (last < hourMs || last > maxLastMs) {
      throw new UsageError('`--last` must be from `1h` to `730d`.', { word: '--last' });
    }
  },
  run: async ({ args, services, now }) =>
    services.statistics.overview(args.last ?? usualLastMs, now),
  answer({ args, now }, overview): Answer {
    return {
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
        ...medians(overview),
        ...rules(overview),
        ...moderators(overview),
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
  },
});

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

function moderators({ workers }: Overview): Block[] {
  const people = workers.filter(({ by }) => !by.startsWith('rule:'));
  const rest = people.length - shownWorkers;
  return list('By moderator', [
    ...people
      .slice(0, shownWorkers)
      .map((worker): Content => [
        worker.by === 'timer' ? 'timers' : code(cut(worker.by, 255)),
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
