import { absentLines, absentTitle } from '../../chat/answers/absent.ts';
import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer, Block } from '../../chat/answers/answer.ts';
import { ago, count, dateTime, span } from '../../chat/answers/phrases.ts';
import { withoutLinks } from '../../chat/answers/untrusted-text.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { idWord } from '../../chat/reading/references.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import { exportFormats } from '../../services/bot/audit-export.ts';
import type { ExportFormat, ExportPiece } from '../../services/bot/audit-export.ts';
import type { AuditEntry, Verified } from '../../services/services.ts';
import { auditStatus } from './audit-status.ts';
import { verifiedAnswer } from './verification.ts';

const pageSize = 20;
const maxPageLength = 100;

type Found =
  | { readonly kind: 'entry'; readonly entry: AuditEntry }
  | { readonly kind: 'list'; readonly entries: readonly AuditEntry[]; readonly limit: number }
  | { readonly kind: 'file'; readonly piece: ExportPiece; readonly format: ExportFormat }
  | { readonly kind: 'verified'; readonly verified: Verified };

export default defineCommand({
  name: 'audit',
  synonyms: ['audit-log', 'auditlog', 'log', 'logs', 'who-did'],
  summary: 'Shows who did what to whom, and how it ended; or checks that nobody has changed that',
  does: [
    'list the newest entries that fit, and leave out nothing that was refused',
    'show one entry in full: audit 12',
    'send all that fit as a file, oldest first: audit export --since 30d --format csv',
    'go along the chain of hashes, and compare it with the head that I last wrote here: audit verify',
  ],
  doesNot: ['list what only looks'],
  args: {
    what: positional('word', 'The number of one entry, or export, or verify', {
      optional: true,
      placeholder: 'ID|export|verify',
    }),
    by: flag('user', 'Who asked or confirmed'),
    rule: flag('word', 'Which rule did it'),
    target: flag('target', 'To which user or room it was done', { bare: true }),
    command: flag('word', 'Which command'),
    status: flag('choice', 'How it ended', {
      choices: ['done', 'failed', 'denied', 'protected', 'unknown', 'open'],
      bare: true,
    }),
    since: flag('date', 'Not before', { bare: true }),
    until: flag('date', 'Not after'),
    limit: flag('integer', `How many; ${pageSize} by default, all in a file`, { min: 1 }),
    before: flag('integer', 'Only entries with smaller numbers', { min: 1 }),
    format: flag('choice', 'What an export is written as; jsonl by default', {
      choices: exportFormats,
    }),
  },
  danger: 'read',
  role: 'moderator',
  example: 'audit --target @mallory:example.com --since 7d',
  check(args) {
    const { what, by, rule, since, until, limit = pageSize, before, format } = args;
    const isExport = what === 'export';
    if (what !== undefined && !isExport && what !== 'verify' && !entryNumber.test(what)) {
      throw new UsageError(`\`${cut(what)}\` is neither an entry’s number nor \`export\`.`, {
        word: what,
        advice: `To search, use \`--target ${quote(cut(what))}\`, \`--command\` or \`--by\`. \`audit verify\` checks the chain.`,
      });
    }
    if (
      what === 'verify' &&
      Object.values(args).filter((value) => value !== undefined).length > 1
    ) {
      throw new UsageError('`audit verify` checks the whole log: it takes no flag.', {
        word: 'verify',
      });
    }
    if (since !== undefined && until !== undefined && since > until) {
      throw new UsageError('`--since` is later than `--until`.', { word: '--since' });
    }
    if (by !== undefined && rule !== undefined) {
      throw new UsageError('`--by` and `--rule` can’t both be who did it.', { word: '--rule' });
    }
    if (!isExport && limit > maxPageLength) {
      throw new UsageError(`\`--limit\` is ${maxPageLength} at most in a list.`, {
        word: '--limit',
        advice: '`audit export` sends more, as a file.',
      });
    }
    if (!isExport && format !== undefined) {
      throw new UsageError('`--format` belongs to `audit export`.', { word: '--format' });
    }
    if (isExport && before !== undefined) {
      throw new UsageError('`--before` belongs to lists.', { word: '--before' });
    }
  },
  async run({ args, services }): Promise<Found> {
    const { what, rule, limit, before, format = 'jsonl', ...given } = args;
    const filter = { ...given, by: rule === undefined ? given.by : `rule:${rule}` };
    if (what === 'export') {
      return {
        kind: 'file',
        format,
        piece: await services.audit.export(filter, { format, limit }),
      };
    }
    if (what === 'verify') {
      return { kind: 'verified', verified: await services.audit.verify() };
    }
    if (what === undefined) {
      const entries = await services.audit.search({ ...filter, limit: limit ?? pageSize, before });
      return { kind: 'list', entries, limit: limit ?? pageSize };
    }
    const entry = await services.audit.get(Number(what.replace('#', '')));
    if (entry === undefined) {
      throw new TargetError('unknown', `there is no audit entry #${what.replace('#', '')}`);
    }
    return { kind: 'entry', entry };
  },
  answer(context, found) {
    switch (found.kind) {
      case 'entry':
        return entryAnswer(found.entry);
      case 'list':
        return listAnswer(context, found.entries, found.limit);
      case 'file':
        return fileAnswer(found.piece, found.format);
      case 'verified':
        return verifiedAnswer(found.verified, context.now);
    }
  },
});

/** `12`, and `#12` as answers write it. */
const entryNumber = /^#?[1-9]\d{0,14}$/u;

function fileAnswer({ text, count: number }: ExportPiece, format: ExportFormat): Answer {
  const name = `audit.${format}`;
  if (number === 0) {
    return { mark: 'ℹ️', title: ['No entry fits, so there is no file'], data: { total: 0 } };
  }
  return {
    mark: 'ℹ️',
    title: [bold(count(number, 'entry', 'entries')), `, oldest first, in ${name}`],
    file: {
      name,
      contentType: format === 'csv' ? 'text/csv' : 'application/jsonl',
      content: text,
    },
    data: { total: number },
  };
}

function listAnswer(
  {
    now,
    invocation,
    registry,
    absent,
  }: Pick<Context, 'now' | 'invocation' | 'registry' | 'absent'>,
  entries: readonly AuditEntry[],
  limit: number,
): Answer {
  const last = entries.at(-1);
  const command = registry.find(invocation.command);
  const more =
    last === undefined || entries.length < limit || command === undefined
      ? undefined
      : writeInvocation(command, {
          ...invocation,
          arguments: { ...invocation.arguments, before: last.id },
        });
  return {
    mark: 'ℹ️',
    title:
      entries.length === 0
        ? (absentTitle(absent) ?? ['No entry fits'])
        : [bold(count(entries.length, 'entry', 'entries')), ', newest first'],
    body: [
      ...(entries.length === 0
        ? []
        : [
            {
              kind: 'list' as const,
              items: entries.map((entry) => [
                bold(`#${entry.id}`),
                ` ${auditStatus(entry.status)}: ${entry.command} `,
                ...(entry.target === null ? [] : [code(entry.target), ' ']),
                'by ',
                code(entry.actor),
                ` ${ago(entry.at, now)}`,
              ]),
            },
          ]),
      ...absentLines(absent, entries.length === 0),
    ],
    next: [
      ...(entries[0] === undefined ? [] : [`audit ${entries[0].id}`]),
      ...(more === undefined ? [] : ['more']),
    ],
    ...(more === undefined ? {} : { more }),
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
    line('Reason: ', withoutLinks(entry.reason ?? 'none given')),
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
      ...(entry.target !== null && /^[@!]/u.test(entry.target)
        ? [`audit --target ${idWord(entry.target)}`]
        : []),
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
