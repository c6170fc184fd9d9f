import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer, Block, Inline } from '../../chat/answers/answer.ts';
import { notedBriefly, notedLines } from '../../chat/answers/noted.ts';
import { ago, count, dateTime, when } from '../../chat/answers/phrases.ts';
import {
  accusation,
  accused,
  circumstances,
  contentLines,
  linkTo,
  reasonsOf,
  stateOf,
  whatIsReported,
} from '../../chat/answers/report-item.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { LawspeakerError, TargetError } from '../../core/errors.ts';
import { parseEventId, parseRoomId, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import { readContent } from '../../services/reports/reported-content.ts';
import type { ItemStory, ReportItem } from '../../services/services.ts';

export default defineCommand({
  name: 'report',
  synonyms: ['flag', 'show-report', 'ticket'],
  summary: 'Shows what you need to decide about a report',
  does: [
    'show the message as it was sent, with its formatting and edits, and whether it has been redacted',
    'show the age of the account, earlier reports about it, and previous actions',
    'show who reported it, and how many of their reports were upheld',
  ],
  doesNot: [
    'read encrypted messages',
    'show pictures in this room',
    'with --delete-at-source: delete the message, or what this bot has stored of the report',
  ],
  args: {
    item: positional('item', 'Report number', { min: 1, placeholder: 'ID' }),
    deleteAtSource: flag('boolean', 'Delete it from Synapse’s own list of reports', {
      default: false,
    }),
  },
  danger: ({ deleteAtSource }) => (deleteAtSource ? 'destructive' : 'read'),
  maxDanger: 'destructive',
  example: 'report 12',
  endpoints: [
    'GET /_synapse/admin/v1/event_reports/{report_id}',
    'GET /_synapse/admin/v1/user_reports/{report_id}',
    'DELETE /_synapse/admin/v1/event_reports/{report_id}',
    'DELETE /_synapse/admin/v1/user_reports/{report_id}',
  ],
  async preview(context) {
    const item = await requireItem(context);
    const there = await context.services.reports.atSource(item.id);
    if (there.length === 0) {
      throw new TargetError(
        'state',
        `Synapse has no report of #${item.id} any more, or doesn’t show it`,
        'There is nothing to delete.',
      );
    }
    const people = new Set(there.map(({ reporter }) => reporter)).size;
    return {
      title: [
        context.args.deleteAtSource ? 'Delete ' : 'Show ',
        `${count(there.length, 'report')} by ${count(people, 'person', 'people')} about `,
        ...whatIsReported(item),
        context.args.deleteAtSource ? ' from Synapse’s list?' : '?',
      ],
      body: [line('Will not: delete the message, or this bot’s own record of the report')],
      warning: 'This can’t be undone.',
    };
  },
  async run(context) {
    const { args, services } = context;
    const item = await requireItem(context);
    if (args.deleteAtSource) {
      return { kind: 'deleted' as const, ...(await services.reports.deleteAtSource(item.id)) };
    }
    const [story, redaction] = await Promise.all([
      services.reports.story(item, context.now),
      redactionOf(context, item),
    ]);
    if (item.card === 'digest') {
      await services.reports.wantCard(item.id);
    }
    return { kind: 'shown' as const, story, redaction };
  },
  answer({ args, now, serverName }, result) {
    if (result.kind === 'deleted') {
      return deletedAnswer(args.item, result);
    }
    const { story, redaction } = result;
    const { item, reporterCount, actions, history } = story;
    const state = stateOf(
      item,
      (actor) => actor,
      (at) => when(at, now),
    );
    const isLocal = item.sender !== null && serverNameOf(item.sender as UserId) === serverName;
    return {
      mark: 'ℹ️',
      title: [bold(`Report #${item.id}: `, ...accusation(story)), ...accused(story)],
      body: [
        ...(state.length === 0 ? [] : [line(...state)]),
        ...contentLines(item, { isAskedFor: true }),
        ...(redaction === undefined ? [] : [line(redaction)]),
        circumstances(story, (at) => when(at, now)),
        ...notedLines(story.ofSender, (at) => when(at, now)),
        ...notedBriefly('The room', story.ofRoom, (at) => when(at, now)),
        ...otherReasons(story),
        ...reporterLines(story, now),
        ...actions.map(({ id, command, actor, status, at }) =>
          line(
            `Previous action: ${command} by `,
            code(actor),
            `, ${status}, ${ago(at, now)} `,
            `(audit #${id})`,
          ),
        ),
        ...history.map(({ kind, actor, at, detail }) =>
          line(
            `${dateTime(at)}: ${kind}`,
            ...(actor === null ? [] : [' by ', code(actor)]),
            ...(detail === null ? [] : [' (', inert(detail, 120), ')']),
          ),
        ),
        ...linkTo(item),
      ],
      next: [
        ...(isLocal ? [`user ${idWord(item.sender ?? '')}`] : []),
        `claim ${item.id}`,
        `resolve ${item.id}`,
        `dismiss ${item.id}`,
      ],
      data: {
        ...item,
        server: undefined,
        ...(story.where.length === 0 ? {} : { homeservers: story.where }),
        // The answer shows the text once, cut; the data doesn't repeat it in the room.
        content: {
          ...readContent(item.content),
          body: undefined,
          formatted: undefined,
          edits: undefined,
        },
        reporterCount,
      },
    };
  },
  async reconcile({ args, services }) {
    // Those that are left may be some of them, or may have come later.
    return (await services.reports.atSource(args.item)).length === 0 ? 'done' : 'unknowable';
  },
});

/** @throws TargetError no report has this number */
async function requireItem({
  args,
  services,
  prefix,
}: Pick<Context, 'services' | 'prefix'> & {
  readonly args: { readonly item: number };
}): Promise<ReportItem> {
  const item = await services.reports.get(args.item);
  if (item === undefined) {
    throw new TargetError(
      'unknown',
      `there is no report #${args.item}`,
      `See \`${prefix}reports\`.`,
    );
  }
  return item;
}

function deletedAnswer(
  item: number,
  {
    deleted,
    left,
    stoppedBy,
  }: {
    readonly deleted: number;
    readonly left: number;
    readonly stoppedBy: LawspeakerError | undefined;
  },
): Answer {
  return {
    mark: stoppedBy === undefined ? '✅' : '⚠️',
    title: [bold(`Deleted ${count(deleted, 'report')}`), ` of #${item} from Synapse’s list`],
    body: [
      ...(stoppedBy === undefined
        ? []
        : [line(`${count(left, 'report')} not deleted: ${stoppedBy.message}.`)]),
      line('The queue of this bot still has a copy.'),
    ],
    ...(stoppedBy === undefined ? {} : { status: 'partial' as const }),
    next: [
      ...(stoppedBy === undefined ? [] : [`report ${item} --delete-at-source`]),
      `report ${item}`,
    ],
    data: { id: item, deleted },
  };
}

const notKnown = 'It is not known whether the message has been redacted.';

/** The report has a copy of the message; only the room shows whether the message is redacted. */
async function redactionOf(
  { services: { rooms }, serverName }: Pick<Context, 'serverName' | 'services'>,
  item: ReportItem,
): Promise<string | undefined> {
  const room = item.roomId === null ? undefined : parseRoomId(item.roomId);
  const event = parseEventId(item.subject);
  if (item.kind === 'user' || room === undefined || event === undefined) {
    return undefined;
  }
  try {
    const found = await rooms.findEvent(room, event);
    if (found === undefined) {
      // The homeserver of the report may not be in the configuration any more, and another knows nothing of it.
      return item.server === '' || item.server === serverName
        ? 'The message doesn’t exist on the server any more.'
        : notKnown;
    }
    const { redactedBecause } = found.event;
    return redactedBecause === null
      ? 'The message has not been removed.'
      : `The message has been redacted by ${redactedBecause.sender}.`;
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return notKnown;
    }
    throw error;
  }
}

function otherReasons({ reports }: ItemStory): Block[] {
  const reasons = reasonsOf(reports).slice(0, 5);
  const scores = reports.flatMap(({ score }) => score ?? []);
  return reasons.length <= 1 && scores.length === 0
    ? []
    : [
        facts(
          ...reasons.map(({ reason, people }): Inline[] => [
            '“',
            inert(reason, 60),
            people === 1 ? '”' : `” (${people} people)`,
          ]),
          scores.length > 0 && `lowest score ${Math.min(...scores)}`,
        ),
      ];
}

function reporterLines({ reporters, reporterCount }: ItemStory, now: number): Block[] {
  const items = reporters.map(({ user, createdAt, record }): Inline[] => {
    const closed = record.resolved + record.dismissed;
    return [
      code(cut(user, 255)),
      createdAt === null ? '' : `, account created ${ago(createdAt, now)}`,
      closed === 0
        ? ', no earlier reports reviewed'
        : `, ${record.resolved} of ${count(closed, 'report')} upheld`,
    ];
  });
  if (reporterCount === 0) {
    return [line('Only the sender has reported it.')];
  }
  return [
    line(
      reporterCount > reporters.length
        ? `Reported by ${reporterCount} people, most recently:`
        : 'Reported by:',
    ),
    { kind: 'list', items },
  ];
}
