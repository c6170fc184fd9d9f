import { absentTitle } from '../../chat/answers/absent.ts';
import type { Absent } from '../../chat/answers/absent.ts';
import { bold, code, facts, line, textOf } from '../../chat/answers/answer.ts';
import type { Block, Content } from '../../chat/answers/answer.ts';
import { notedBriefly } from '../../chat/answers/noted.ts';
import { ago, amount, count, dateTime } from '../../chat/answers/phrases.ts';
import { whatIsReported } from '../../chat/answers/report-item.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { CheckContext } from '../../chat/command/declaration.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import {
  allInPieces,
  listAnswer,
  listFlags,
  pageAfter,
  pageSize,
  readList,
  unknownPosition,
} from '../../chat/command/list.ts';
import { idWord } from '../../chat/reading/values.ts';
import { parseRoomId } from '../../core/ids.ts';
import { isoTime } from '../../core/iso-time.ts';
import { present } from '../../core/present.ts';
import { cut } from '../../core/text.ts';
import { subjectSources } from '../../services/bot/history-service.ts';
import type {
  Subject,
  SubjectEntry,
  SubjectCursor,
  SubjectSummary,
} from '../../services/bot/history-service.ts';
import { timelineChart } from '../../services/charts/timeline-chart.ts';
import type { AuditEntry } from '../../services/services.ts';
import { actionName, auditStatus } from './parts/audit-status.ts';
import { drawn, withPicture } from './parts/picture.ts';

const shownText = 80;
/** A longer one names hundreds of accounts: it is not read for each entry. */
const maxInvocation = 20_000;
/** From so many entries on, a picture shows more than the list. */
const longHistory = 20;
const drawnEntries = 3000;

export default defineCommand({
  name: 'history',
  synonyms: ['record', 'timeline'],
  summary: 'Shows everything the bot knows about a user or room, by time',
  does: [
    'list actions, notes, tags, reports about and by the user, unconfirmed and scheduled commands, and timers',
    'include actions taken from report cards',
    'list the latest thousand entries of each kind, but count all',
    'send a picture of a long history over time after its first page',
  ],
  doesNot: [
    'list what a user did as a moderator (see !audit --by)',
    'show data from the homeserver',
  ],
  args: {
    target: positional('target', 'A user or a room'),
    ...listFlags,
    picture: flag('boolean', 'Send a picture of a long history, too', { default: true }),
  },
  danger: 'read',
  example: 'history @mallory:example.com',
  check({ from }, context) {
    cursorIn(from, context);
  },
  async run(context) {
    const { args, services, now } = context;
    const { history, notes, tags } = services;
    const subject = subjectOf(args.target);
    const summary = await history.summary(subject);
    const noted = { tags: await tags.of(subject.id, now), notes: await notes.about(subject.id, 0) };
    const after = cursorIn(args.from, context);
    const listing = await readList<SubjectEntry>(args, {
      async page() {
        const { limit = pageSize } = args;
        const { entries, total } = await history.page(subject, { limit: limit + 1, after });
        return pageAfter(entries, limit, total, ({ cursor }) => writeCursor(cursor));
      },
      all: () =>
        allInPieces<SubjectEntry, SubjectCursor>(
          async (request) => (await history.page(subject, request)).entries,
          ({ cursor }) => cursor,
        ),
    });
    const isList = after === undefined && !args.all && args.format === undefined;
    const isLong = isList && (listing.total ?? 0) >= longHistory;
    const picture =
      args.picture && isLong
        ? await drawn(services, timelineChart(await history.times(subject, drawnEntries), now))
        : undefined;
    return { subject, summary, noted, listing, picture };
  },
  answer(context, { subject, summary, noted, listing, picture }) {
    const { now, role, serverName } = context;
    const id = idWord(subject.id);
    const answer = listAnswer(context, listing, {
      noun: 'entry',
      plural: 'entries',
      nothing: [],
      next: [
        ...(subject.kind === 'room' ? [`room ${id}`] : []),
        ...(subject.kind === 'user' && subject.id.endsWith(`:${serverName}`) ? [`user ${id}`] : []),
        ...(summary.openItems > 0
          ? [`reports --${subject.kind === 'room' ? 'room' : 'sender'} ${id}`]
          : []),
        ...(noted.notes.count > 0 ? [`notes ${id}`] : []),
        ...(summary.actions > 0 && role !== 'viewer' ? [`audit --target ${id}`] : []),
      ],
      columns: [
        {
          title: 'When',
          name: 'at',
          show: ({ cursor }) => [ago(cursor.at, now)],
          value: ({ cursor }) => isoTime(cursor.at),
        },
        {
          title: 'What',
          name: 'what',
          show: (entry) => whatOf(entry, now),
          value: (entry) => textOf(whatOf(entry, now)),
        },
        {
          name: 'kind',
          value: ({ kind }) => kind,
        },
        {
          name: 'id',
          value: ({ cursor }) => cursor.id,
        },
      ],
    });
    const isFile = answer.file !== undefined;
    return withPicture(
      {
        ...answer,
        title: isFile
          ? [code(cut(subject.id, 255)), ': ', ...answer.title]
          : titleOf(subject, summary, listing.total ?? 0, context.absent),
        body: [
          ...totals(summary),
          ...notedBriefly('Now', noted, dateTime),
          ...pageLine(listing),
          ...(answer.body ?? []),
        ],
        data: isFile
          ? answer.data
          : { ...listing, rows: listing.rows.map(dataOf), subject, summary },
      },
      picture,
      {
        name: 'timeline.png',
        description:
          'Timeline: reports above the line, actions and notes below. The message before lists the newest.',
      },
    );
  },
});

function subjectOf(target: string): Subject {
  return { kind: parseRoomId(target) === undefined ? 'user' : 'room', id: target };
}

/** `@mallory:x: 1 item open, 3 actions` */
function titleOf(
  { id }: Subject,
  summary: SubjectSummary,
  total: number,
  absent: readonly Absent[],
): Content {
  const { openItems, items, actions, noteChanges } = summary;
  const name = code(cut(id, 255));
  if (total === 0) {
    return absentTitle(absent) ?? [bold('Nothing'), ' is known about ', name];
  }
  return [
    name,
    ': ',
    bold(
      openItems > 0
        ? `${count(openItems, 'item')} open`
        : items > 0
          ? `reported, nothing open`
          : 'never reported',
    ),
    `, ${amount(actions, 'action')}`,
    noteChanges === 0
      ? ''
      : `, ${count(noteChanges, 'change of notes and tags', 'changes of notes and tags')}`,
  ];
}

function totals({
  items,
  openItems,
  resolvedItems,
  dismissedItems,
  reports,
  reporters,
  reported,
  reliability,
}: SubjectSummary): Block[] {
  const blocks: Block[] = [];
  if (items > 0) {
    blocks.push(
      facts(
        `${count(reports, 'report')} by ${count(reporters, 'person', 'people')} in ${count(items, 'item')}`,
        openItems > 0 && `${openItems} open`,
        resolvedItems > 0 && `${resolvedItems} resolved`,
        dismissedItems > 0 && `${dismissedItems} dismissed`,
      ),
    );
  }
  if (reported > 0) {
    const { resolved = 0, dismissed = 0 } = reliability ?? {};
    blocks.push(
      facts(
        `Reported others ${count(reported, 'time')}`,
        resolved > 0 && `${resolved} resolved`,
        dismissed > 0 && `${dismissed} dismissed`,
      ),
    );
  }
  return blocks;
}

function pageLine({
  rows,
  total = 0,
}: {
  readonly rows: readonly unknown[];
  readonly total: number | undefined;
}): Block[] {
  return rows.length > 0 && rows.length < total
    ? [line(`${rows.length} of ${count(total, 'entry', 'entries')}, newest first`)]
    : [];
}

function whatOf(entry: SubjectEntry, now: number): Content {
  switch (entry.kind) {
    case 'action': {
      const { id, status, actor, confirmer, reason } = entry.entry;
      return [
        `${auditStatus(status)}: `,
        bold(actionName(entry.entry)),
        ...notedIn(entry.entry, now),
        entry.isRemoved ? ' (removed)' : '',
        ' by ',
        code(actor),
        ...(confirmer === null || confirmer === actor ? [] : [', confirmed by ', code(confirmer)]),
        reason === null ? '' : `, “${inert(reason, shownText)}”`,
        `, audit #${id}`,
        entry.operation === undefined ? '' : `, operation ${entry.operation}`,
      ];
    }
    case 'item': {
      const { id, reports, state, closedBy, claimedBy, note } = entry.item;
      const who = state === 'claimed' ? claimedBy : closedBy;
      return [
        `reported ${count(reports, 'time')}, ${state}`,
        ...(who === null ? [] : [' by ', code(who)]),
        note === null ? '' : `, “${inert(note, shownText)}”`,
        ': ',
        ...whatIsReported(entry.item),
        `, report ${id}`,
      ];
    }
    case 'reporting': {
      const { id, state } = entry.item;
      const { times, reason } = entry.report;
      return [
        'reports ',
        ...whatIsReported(entry.item),
        times > 1 ? ` ${count(times, 'time')}` : '',
        reason === null || reason.trim() === '' ? '' : `, “${inert(reason, shownText)}”`,
        `, ${state}, report ${id}`,
      ];
    }
    case 'confirmation': {
      const { code: name, command, requester, state, decidedBy, expiresAt } = entry.confirmation;
      const isOpen = state === 'pending' && expiresAt > now;
      return [
        `confirmation ${name}: `,
        bold(command),
        ' asked by ',
        code(requester),
        isOpen ? `, until ${dateTime(expiresAt)}` : `, ${state === 'pending' ? 'expired' : state}`,
        ...(decidedBy === null ? [] : [' by ', code(decidedBy)]),
      ];
    }
    case 'timer': {
      const { id, line: what, runAt, state, askedBy } = entry.timer;
      return [
        `timer ${id}: `,
        code(cut(what, shownText)),
        ' by ',
        code(askedBy),
        state === 'scheduled' ? `, ${ago(runAt, now)}` : `, ${state}`,
      ];
    }
    case 'operation': {
      const { id, command, actor, invocation, state, notBefore } = entry.operation;
      const { length } = invocation;
      const isNoting = notingCommands.has(command) && length > 0 && length <= maxInvocation;
      const given = isNoting ? (JSON.parse(invocation) as Invocation).arguments : undefined;
      return [
        state === 'running' ? '⏳ not reached yet: ' : `⏳ ${state}: `,
        bold(command),
        ...notedIn({ command, arguments: given, at: notBefore ?? now }, now),
        ' by ',
        code(actor),
        state === 'scheduled' && notBefore !== null ? `, ${ago(notBefore, now)}` : '',
        `, operation ${id}`,
      ];
    }
  }
}

/** Commands that write something down, or say it to the user. */
const notingCommands = new Set([
  'note',
  'remove-note',
  'restore-note',
  'server-notice',
  'tag',
  'untag',
]);

/**
 * What a note or a message to the user says, its number, or the name of a tag; empty for any other command.
 *
 * @param noted.at when it was done, or will be
 */
function notedIn(
  noted: Pick<AuditEntry, 'at' | 'command'> & { readonly arguments?: unknown },
  now: number,
): Content {
  const { command, at } = noted;
  const {
    text,
    name,
    note,
    for: forMs,
    until,
  } = (noted.arguments ?? {}) as Readonly<Record<string, unknown>>;
  return (command === 'note' || command === 'server-notice') && typeof text === 'string'
    ? [` “${inert(text, shownText)}”`]
    : (command === 'tag' || command === 'untag') && typeof name === 'string'
      ? [' ', code(cut(name)), endOfTag(typeof forMs === 'number' ? at + forMs : until, now)]
      : (command === 'remove-note' || command === 'restore-note') && typeof note === 'number'
        ? [` ${note}`]
        : [];
}

/** ` until 2026-11-28 10:00 UTC`, and whether that has passed; empty for a tag without an end. */
function endOfTag(end: unknown, now: number): string {
  return typeof end === 'number' ? ` until ${dateTime(end)}${end <= now ? ' (passed)' : ''}` : '';
}

/** For programs. The audit log and the report queue show the rest. */
function dataOf(entry: SubjectEntry): object {
  const { at, id } = entry.cursor;
  switch (entry.kind) {
    case 'action': {
      const { command, actor, confirmer, status, reason } = entry.entry;
      const { operation, isRemoved } = entry;
      const removed = isRemoved ? true : undefined;
      return {
        kind: entry.kind,
        at,
        id,
        operation,
        command,
        actor,
        confirmer,
        status,
        reason,
        ...present({ removed }),
      };
    }
    case 'item':
    case 'reporting': {
      const { subject, sender, roomId, state } = entry.item;
      return { kind: entry.kind, at, id, subject, sender, roomId, state };
    }
    case 'confirmation':
      return { kind: entry.kind, ...entry.confirmation, at };
    case 'timer':
      return { kind: entry.kind, ...entry.timer, at };
    case 'operation': {
      const { command, actor, state, notBefore } = entry.operation;
      return { kind: entry.kind, at, id, command, actor, state, notBefore };
    }
  }
}

function writeCursor({ at, source, id }: SubjectCursor): string {
  return `${at}.${source}.${id}`;
}

/** @throws UsageError it is not a cursor */
function cursorIn(from: string | undefined, context: CheckContext): SubjectCursor | undefined {
  if (from === undefined) {
    return undefined;
  }
  const [, at, name, id] = /^(\d{1,15})\.([a-z]+)\.(\d{1,15})$/u.exec(from) ?? [];
  const source = subjectSources.find((one) => one === name);
  if (source === undefined) {
    throw unknownPosition(from, context);
  }
  return { at: Number(at), source, id: Number(id) };
}
