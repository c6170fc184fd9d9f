import { absentLines, absentTitle } from '../../chat/answers/absent.ts';
import { shortId } from '../../chat/answers/account.ts';
import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer, Block } from '../../chat/answers/answer.ts';
import { agoShort, count, dateTime, span, whole } from '../../chat/answers/phrases.ts';
import { withoutLinks } from '../../chat/answers/untrusted-text.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { nextPage, pageSize } from '../../chat/command/list.ts';
import { canChange, canChangeHomeserver } from '../../chat/command/properties.ts';
import { entryNumber } from '../../chat/reading/entry-number.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { present } from '../../core/present.ts';
import { looksLikeOperators, readSearchText } from '../../core/search-text.ts';
import { cut, nearest } from '../../core/text.ts';
import { exportFormats } from '../../services/bot/audit-export.ts';
import type { ExportFormat, ExportPiece } from '../../services/bot/audit-export.ts';
import type { AuditEntry, Verified } from '../../services/services.ts';
import { actionName, auditMark } from './parts/audit-status.ts';
import { lostEntry } from './parts/lost-entry.ts';
import { verifiedAnswer } from './parts/verification.ts';

const maxPageLength = 100;

type Found =
  | {
      readonly kind: 'entry';
      readonly entry: AuditEntry;
      readonly operation: number | undefined;
      /** The number that was asked for, if it is the entry's outcome. */
      readonly outcome: number | undefined;
      /** Whether the number stands for two actions in the room: `undo` refuses it. */
      readonly hasTwo: boolean;
      readonly hasForgottenReason: boolean;
    }
  | { readonly kind: 'list'; readonly entries: readonly AuditEntry[]; readonly isMore: boolean }
  | { readonly kind: 'file'; readonly piece: ExportPiece; readonly format: ExportFormat }
  | { readonly kind: 'verified'; readonly verified: Verified };

export default defineCommand({
  name: 'audit',
  synonyms: ['audit-log', 'auditlog', 'log', 'logs', 'who-did'],
  summary: 'Shows who did what and how it ended, or verifies the audit log',
  does: [
    'list the latest entries that match, and include refused attempts',
    'show one entry in full: !audit 12',
    'find words, "quoted phrases", beginnings of words (scam*) and user IDs: !audit --text "crypto scam*"',
    'send all matching entries as a file, oldest first: !audit export --since 30d --format csv',
    'check the hash chain, and compare it with the heads posted here and in the witness: !audit verify',
  ],
  doesNot: ['list commands that only read, except !messages and !event'],
  args: {
    what: positional('word', 'An entry’s number, export, or verify', {
      optional: true,
      placeholder: 'ID|export|verify',
    }),
    by: flag('user', 'Requested or confirmed by this user'),
    rule: flag('word', 'Done by this rule'),
    target: flag('target', 'Done to this user or room, or to users in this room', { bare: true }),
    text: flag('text', 'With all these words in the reason, the arguments or the target'),
    command: flag('word', 'Of this command'),
    operation: flag('integer', 'Of this operation, one entry per target', { min: 1 }),
    status: flag('choice', 'With this outcome', {
      choices: ['done', 'failed', 'partial', 'denied', 'protected', 'unknown', 'open'],
      bare: true,
    }),
    since: flag('date', 'From this time on; UTC, unless it names a zone', { bare: true }),
    until: flag('date', 'Up to this time'),
    limit: flag('integer', `How many (default: ${pageSize}, all in a file)`, { min: 1 }),
    before: flag('integer', 'Only entries with smaller numbers', { min: 1 }),
    format: flag('choice', 'File format of an export (default: jsonl)', {
      choices: exportFormats,
    }),
  },
  danger: 'read',
  role: 'moderator',
  withoutOn: true,
  example: 'audit --target @mallory:example.com --since 7d',
  check(args, { prefix }) {
    const { what, by, rule, text, since, until, limit = pageSize, before, format } = args;
    const isExport = what === 'export';
    if (what !== undefined && !isExport && what !== 'verify' && entryNumber(what) === undefined) {
      const guess = nearest(what.toLowerCase(), ['export', 'verify']);
      throw new UsageError(
        `\`${cut(what)}\` is neither an entry’s number, \`export\` nor \`verify\`.`,
        {
          word: what,
          advice: `${guess === undefined ? '' : `Did you mean \`${guess}\`? `}To search, use \`--text ${quote(cut(what))}\`, \`--target\`, \`--command\` or \`--by\`. \`${prefix}audit verify\` checks the chain.`,
        },
      );
    }
    if (
      what !== undefined &&
      !isExport &&
      Object.values(args).filter((value) => value !== undefined).length > 1
    ) {
      throw what === 'verify'
        ? new UsageError(`\`${prefix}audit verify\` checks the whole log, so it takes no flags.`, {
            word: 'verify',
          })
        : new UsageError('An entry is shown by its number alone, so it takes no flags.', {
            word: what,
            advice: `To search, leave the number out. \`${prefix}audit ${entryNumber(what)}\` shows the entry.`,
          });
    }
    if (text !== undefined) {
      readSearchText(text);
    }
    if (since !== undefined && until !== undefined && since > until) {
      throw new UsageError('`--since` is later than `--until`.', { word: '--since' });
    }
    if (by !== undefined && rule !== undefined) {
      throw new UsageError('`--by` and `--rule` can’t be combined.', { word: '--rule' });
    }
    if (!isExport && limit > maxPageLength) {
      throw new UsageError(`\`--limit\` can be at most ${maxPageLength} in a list.`, {
        word: '--limit',
        advice: `\`${prefix}audit export\` sends more, as a file.`,
      });
    }
    if (!isExport && format !== undefined) {
      throw new UsageError(`\`--format\` only works with \`${prefix}audit export\`.`, {
        word: '--format',
      });
    }
    if (isExport && before !== undefined) {
      throw new UsageError(`\`--before\` doesn’t work with \`${prefix}audit export\`.`, {
        word: '--before',
      });
    }
  },
  async run({ args, services, registry, prefix }): Promise<Found> {
    const { what, rule, command, limit, before, format = 'jsonl', ...given } = args;
    const filter = {
      ...given,
      by: rule === undefined ? given.by : `rule:${rule}`,
      // Entries have the command's own name, whichever was typed.
      command: command === undefined ? undefined : nameOf(command, { registry, prefix }),
    };
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
      const length = limit ?? pageSize;
      const entries = await services.audit.search({ ...filter, limit: length + 1, before });
      return { kind: 'list', entries: entries.slice(0, length), isMore: entries.length > length };
    }
    const id = entryNumber(what) ?? 0;
    const intent = await services.audit.intentOf(id);
    const entry = await services.audit.get(intent ?? id);
    if (entry === undefined) {
      throw (await services.audit.isLost(id))
        ? lostEntry(id)
        : new TargetError('unknown', `there is no audit entry #${id}`);
    }
    return {
      kind: 'entry',
      entry,
      operation: await services.audit.operationOf(entry),
      hasTwo: await services.audit.isLost(entry.id),
      hasForgottenReason: await services.audit.hasForgottenReason(entry.id),
      outcome: intent === undefined ? undefined : id,
    };
  },
  answer(context, found) {
    switch (found.kind) {
      case 'entry':
        return entryAnswer(found);
      case 'list':
        return listAnswer(context, found, found.entries.length === 0 ? meantBy(context) : []);
      case 'file':
        return fileAnswer(found.piece, found.format);
      case 'verified':
        return verifiedAnswer(found.verified, context.now);
    }
  },
});

function fileAnswer({ text, count: number }: ExportPiece, format: ExportFormat): Answer {
  const name = `audit.${format}`;
  if (number === 0) {
    return { mark: 'ℹ️', title: ['No matching entries, so there is no file'], data: { total: 0 } };
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
  context: Pick<
    Context,
    'now' | 'invocation' | 'registry' | 'absent' | 'homeservers' | 'serverName'
  > & {
    readonly args: { readonly before: number | undefined };
  },
  { entries, isMore }: Found & { readonly kind: 'list' },
  meant: readonly Block[],
): Answer {
  const { args, now, absent, homeservers } = context;
  // Where a name without a server is, also if it is another homeserver's account that is asked about.
  const { serverName } = homeservers[0] ?? context;
  const last = entries.at(-1);
  const more = last === undefined || !isMore ? undefined : nextPage(context, { before: last.id });
  return {
    mark: 'ℹ️',
    title:
      entries.length === 0
        ? (absentTitle(absent) ?? ['No matching entries'])
        : isMore && args.before === undefined
          ? // Counting all of them could take seconds.
            [bold(count(entries.length, 'entry', 'entries')), ', newest first; there are more']
          : [bold(count(entries.length, 'entry', 'entries')), ', newest first'],
    body: [
      ...(entries.length === 0
        ? []
        : [
            {
              kind: 'list' as const,
              items: entries.map((entry) => [
                bold(`#${entry.id}`),
                ` ${auditMark(entry.status)} ${actionName(entry)}`,
                ...(entry.target === null ? [] : [' ', shortId(entry.target, serverName)]),
                ...placeOf(context, entry, serverName),
                entry.status === 'done' ? '' : ` (${entry.status})`,
                ' · ',
                shortId(entry.actor, serverName),
                ` ${agoShort(entry.at, now)}`,
              ]),
            },
          ]),
      ...meant,
      ...absentLines(absent, entries.length === 0),
    ],
    next: [
      ...(entries[0] === undefined ? [] : [`audit ${entries[0].id}`]),
      ...(more === undefined ? [] : ['more']),
    ],
    ...present({ more }),
    data: entries,
  };
}

/** Where something was done, if not on the first homeserver, and if the target does not say so. */
function placeOf(
  { registry }: Pick<Context, 'registry'>,
  { arguments: given, command: name, target }: AuditEntry,
  firstServer: string,
): string[] {
  const on = typeof given === 'object' && given !== null && 'on' in given ? given.on : undefined;
  const command = registry.find(name);
  const isOnlyNoted = command !== undefined && !canChangeHomeserver(command);
  return typeof on !== 'string' ||
    on === firstServer ||
    (target?.includes(on) ?? false) ||
    (isOnlyNoted && canChange(command))
    ? []
    : [` on ${on}`];
}

/** The name of a command that is typed with or without the prefix. */
function nameOf(typed: string, { registry, prefix }: Pick<Context, 'registry' | 'prefix'>): string {
  const word = typed.startsWith(prefix) ? typed.slice(prefix.length) : typed;
  return registry.find(word)?.name ?? word;
}

/** What may be meant by a filter that nothing can match: there is no such command, or no such rule. */
function meantBy({
  args: { command, rule, text },
  registry,
  services,
  prefix,
}: Pick<Context, 'registry' | 'services' | 'prefix'> & {
  readonly args: Readonly<Record<'command' | 'rule' | 'text', string | undefined>>;
}): Block[] {
  const guess = (word: string | undefined) =>
    word === undefined ? [] : [' Did you mean ', code(word), '?'];
  const name = command === undefined ? undefined : nameOf(command, { registry, prefix });
  const isCommand = name === undefined || registry.find(name) !== undefined;
  const names = services.rules.map(({ name }) => name);
  return [
    ...(isCommand
      ? []
      : [
          line(
            'There is no command ',
            code(`${prefix}${cut(name)}`),
            '.',
            ...guess(registry.guess(name)?.commands[0]?.name),
          ),
        ]),
    ...(rule === undefined || names.includes(rule)
      ? []
      : [line('There is no rule ', code(cut(rule)), ' now.', ...guess(nearest(rule, names)))]),
    ...(text !== undefined && looksLikeOperators(text)
      ? [
          line(
            'AND, OR, NOT and NEAR are searched for as words, and a star counts only at the end of a word.',
          ),
        ]
      : []),
  ];
}

function entryAnswer({
  entry,
  operation,
  outcome,
  hasTwo,
  hasForgottenReason,
}: Found & { readonly kind: 'entry' }): Answer {
  const detail = detailOf(entry);
  const body: Block[] = [
    ...(outcome === undefined ? [] : [line(`#${outcome} is the outcome of #${entry.id}`)]),
    line('Requested by ', code(entry.actor), ` at ${dateTime(entry.at)}`),
    ...(isRefused(entry)
      ? []
      : [
          line(
            entry.confirmer === null ? 'No confirmation needed' : 'Confirmed by ',
            ...(entry.confirmer === null ? [] : [code(entry.confirmer)]),
          ),
        ]),
    line(
      'Reason: ',
      withoutLinks(entry.reason ?? (hasForgottenReason ? 'forgotten' : 'none given')),
    ),
    line('Arguments: ', code(JSON.stringify(entry.arguments))),
    line(
      entry.endedAt === null
        ? isRefused(entry)
          ? 'Refused before anything was done'
          : 'No outcome recorded'
        : `Finished in ${detail.took ?? span(Math.max(1000, entry.endedAt - entry.at))}: ${entry.status}`,
      ...(detail.code === undefined ? [] : [', ', code(detail.code)]),
    ),
    line('Requested in ', code(entry.roomId), ' by event ', code(entry.eventId)),
    ...(operation === undefined ? [] : [line(`Part of operation ${operation}`)]),
  ];
  return {
    mark: 'ℹ️',
    title: [
      bold(`#${entry.id} ${actionName(entry)}`),
      ...(entry.target === null ? [] : [' ', code(entry.target)]),
      `: ${entry.status}`,
    ],
    body,
    next: [
      ...(detail.undo === undefined || entry.status !== 'done'
        ? []
        : [hasTwo ? detail.undo : `undo ${entry.id}`]),
      ...(entry.target !== null && /^[@!]/u.test(entry.target)
        ? [`audit --target ${idWord(entry.target)}`]
        : []),
      ...(operation === undefined ? [] : [`audit --operation ${operation}`]),
    ],
    data: { ...entry, ...present({ operation }) },
  };
}

/** It was asked for and not allowed, or not possible: there is nothing that could end. */
const isRefused = ({ endedAt, status }: AuditEntry) => endedAt === null && status !== 'open';

/** The parts of an outcome that people read, besides its status. */
function detailOf({ detail }: AuditEntry): { took?: string; code?: string; undo?: string } {
  const {
    took_ms: took,
    code: fault,
    undo,
  } = (typeof detail === 'object' && detail !== null ? detail : {}) as Record<string, unknown>;
  return {
    ...(typeof took === 'number' ? { took: `${whole(took)} ms` } : {}),
    ...(typeof fault === 'string' ? { code: fault } : {}),
    ...(typeof undo === 'string' ? { undo } : {}),
  };
}
