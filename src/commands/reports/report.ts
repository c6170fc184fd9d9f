import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Block, Inline } from '../../chat/answers/answer.ts';
import { ago, count, dateTime, when } from '../../chat/answers/phrases.ts';
import {
  accusation,
  circumstances,
  contentLines,
  linkTo,
  reasonsOf,
  standOf,
  whatIsReported,
} from '../../chat/answers/report-item.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { LawspeakerError, TargetError } from '../../core/errors.ts';
import { parseEventId, parseRoomId, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import { readContent } from '../../services/reports/reported-content.ts';
import type { ItemStory, ReportItem, Services } from '../../services/services.ts';

export default defineCommand({
  name: 'report',
  synonyms: ['flag', 'show-report', 'ticket'],
  summary: 'Shows all that is needed to decide about a report',
  does: [
    'show the message as it was sent, what formatting and edits made of it, and whether it is redacted by now',
    'say how old the account is, what was reported of it before, and what was done',
    'say who reported it, and how often their reports led to something',
  ],
  doesNot: ['read encrypted messages', 'bring pictures into this room'],
  args: { item: positional('item', 'The report’s number', { min: 1, placeholder: 'ID' }) },
  danger: 'read',
  example: 'report 12',
  endpoints: ['GET /_synapse/admin/v1/event_reports/{report_id}'],
  async run({ args, services, prefix }) {
    const item = await services.reports.get(args.item);
    if (item === undefined) {
      throw new TargetError(
        'unknown',
        `there is no report #${args.item}`,
        `\`${prefix}reports\` lists those that there are.`,
      );
    }
    const [story, redaction] = await Promise.all([
      services.reports.story(item),
      redactionOf(services, item),
    ]);
    if (item.card === 'digest') {
      await services.reports.wantCard(item.id);
    }
    return { story, redaction };
  },
  answer({ now, serverName }, { story, redaction }) {
    const { item, reporterCount, actions, history } = story;
    const stand = standOf(
      item,
      (actor) => actor,
      (at) => when(at, now),
    );
    const isLocal = item.sender !== null && serverNameOf(item.sender as UserId) === serverName;
    return {
      mark: 'ℹ️',
      title: [
        bold(`Report #${item.id}: `, ...accusation(story)),
        ' about ',
        ...whatIsReported(item),
      ],
      body: [
        ...(stand.length === 0 ? [] : [line(...stand)]),
        ...contentLines(item, { isAskedFor: true }),
        ...(redaction === undefined ? [] : [line(redaction)]),
        circumstances(story, (at) => when(at, now)),
        ...otherReasons(story),
        ...reporterLines(story, now),
        ...actions.map(({ id, command, actor, status, at }) =>
          line(
            `Before: ${command} by `,
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
        // The text is shown once, cut, and not carried into the room a second time.
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
});

/** The report's own copy keeps the text of a message: whether it is redacted, the room alone says. */
async function redactionOf({ rooms }: Services, item: ReportItem): Promise<string | undefined> {
  const room = item.roomId === null ? undefined : parseRoomId(item.roomId);
  const event = parseEventId(item.subject);
  if (item.kind === 'user' || room === undefined || event === undefined) {
    return undefined;
  }
  try {
    const found = await rooms.findEvent(room, event);
    if (found === undefined) {
      return 'The message is gone from the server.';
    }
    const { redactedBecause } = found.event;
    return redactedBecause === null
      ? 'The message still stands in its room.'
      : `The message is redacted, by ${redactedBecause.sender}.`;
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return 'Whether the message is redacted could not be found out.';
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
    const settled = record.resolved + record.dismissed;
    return [
      code(cut(user, 255)),
      createdAt === null ? '' : `, account from ${ago(createdAt, now)}`,
      settled === 0
        ? ', no report settled before'
        : `, ${record.resolved} of ${count(settled, 'report')} led to something`,
    ];
  });
  if (reporterCount === 0) {
    return [line('Nobody but the sender has reported it.')];
  }
  return [
    line(
      reporterCount > reporters.length
        ? `Reported by ${reporterCount} people, the last of them:`
        : 'Reported by:',
    ),
    { kind: 'list', items },
  ];
}
