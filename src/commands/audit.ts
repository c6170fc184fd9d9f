import { bold, code, line } from '../command/answer.ts';
import type { Answer, Block } from '../command/answer.ts';
import { flag, positional } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { ago, count, dateTime, span } from '../command/wording.ts';
import { TargetError, UsageError } from '../errors.ts';
import type { AuditEntry } from '../services/services.ts';

const pageSize = 20;

const marks: Readonly<Record<string, string>> = {
  done: '✅',
  open: '⏳',
  unknown: '⚠️',
  failed: '❌',
  denied: '❌',
  protected: '❌',
};

export default defineCommand({
  name: 'audit',
  group: 'bot',
  summary: 'Shows who did what to whom, and how it ended',
  args: {
    entry: positional('integer', 'The number of one entry, to see it in full', {
      optional: true,
      min: 1,
      placeholder: 'ID',
    }),
    by: flag('user', 'Who asked or confirmed'),
    target: flag('user', 'To whom it was done'),
    command: flag('word', 'Which command'),
    status: flag('choice', 'How it ended', {
      choices: ['done', 'failed', 'denied', 'protected', 'unknown', 'open'],
    }),
    since: flag('date', 'Not before'),
    until: flag('date', 'Not after'),
    limit: flag('integer', 'How many', { min: 1, max: 100, default: pageSize }),
    before: flag('integer', 'Only entries with smaller numbers', { min: 1 }),
  },
  danger: 'read',
  role: 'moderator',
  example: 'audit --target @mallory:example.com --since 7d',
  check({ since, until }) {
    if (since !== undefined && until !== undefined && since > until) {
      throw new UsageError('`--since` is later than `--until`.', { word: '--since' });
    }
  },
  async run({ args, services }): Promise<AuditEntry | AuditEntry[]> {
    const { entry: id, ...query } = args;
    if (id === undefined) {
      return services.audit.search(query);
    }
    const entry = await services.audit.get(id);
    if (entry === undefined) {
      throw new TargetError('unknown', `there is no audit entry #${id}`);
    }
    return entry;
  },
  answer: ({ args, now }, found) =>
    Array.isArray(found) ? listAnswer(found, args.limit, now) : entryAnswer(found),
});

function listAnswer(entries: readonly AuditEntry[], limit: number, now: number): Answer {
  const last = entries.at(-1);
  return {
    mark: 'ℹ️',
    title: [
      entries.length === 0 ? 'No entry fits' : bold(count(entries.length, 'entry', 'entries')),
      entries.length === 0 ? '' : ', newest first',
    ],
    body:
      entries.length === 0
        ? []
        : [
            {
              kind: 'list',
              items: entries.map((entry) => [
                bold(`#${entry.id}`),
                ` ${marks[entry.status] ?? ''} ${entry.status}: ${entry.command} `,
                ...(entry.target === null ? [] : [code(entry.target), ' ']),
                'by ',
                code(entry.actor),
                ` ${ago(entry.at, now)}`,
              ]),
            },
          ],
    next: [
      ...(entries[0] === undefined ? [] : [`audit ${entries[0].id}`]),
      ...(last !== undefined && entries.length === limit ? [`audit --before ${last.id}`] : []),
    ],
    data: entries,
  };
}

function entryAnswer(entry: AuditEntry): Answer {
  const detail = detailOf(entry);
  const body: Block[] = [
    line('Asked by ', code(entry.actor), ` at ${dateTime(entry.at)}`),
    line(
      entry.confirmer === null ? 'Needed no confirmation' : 'Confirmed by ',
      ...(entry.confirmer === null ? [] : [code(entry.confirmer)]),
    ),
    line('Reason: ', entry.reason ?? 'none given'),
    line('Arguments: ', code(JSON.stringify(entry.arguments))),
    line(
      entry.endedAt === null
        ? 'No outcome is recorded'
        : `Ended after ${detail.took ?? span(Math.max(1000, entry.endedAt - entry.at))}: ${entry.status}`,
      ...(detail.code === undefined ? [] : [', ', code(detail.code)]),
    ),
    line('Asked in ', code(entry.roomId), ' by ', code(entry.eventId)),
  ];
  return {
    mark: 'ℹ️',
    title: [
      bold(`#${entry.id} ${entry.command}`),
      ...(entry.target === null ? [] : [' ', code(entry.target)]),
      `: ${entry.status}`,
    ],
    body,
    next: [
      ...(detail.undo === undefined || entry.status !== 'done' ? [] : [`undo ${entry.id}`]),
      ...(entry.target?.startsWith('@') === true ? [`audit --target ${entry.target}`] : []),
    ],
    data: entry,
  };
}

/** What an outcome holds besides its status, as far as people read it. */
function detailOf({ detail }: AuditEntry): { took?: string; code?: string; undo?: string } {
  const {
    took_ms: took,
    code: fault,
    undo,
  } = (typeof detail === 'object' && detail !== null ? detail : {}) as Record<string, unknown>;
  return {
    ...(typeof took === 'number' ? { took: `${took.toLocaleString('en-US')} ms` } : {}),
    ...(typeof fault === 'string' ? { code: fault } : {}),
    ...(typeof undo === 'string' ? { undo } : {}),
  };
}
