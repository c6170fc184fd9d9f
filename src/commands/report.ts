import { bold, code, cut, facts, line } from '../command/answer.ts';
import type { Block, Inline } from '../command/answer.ts';
import { positional } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { quote } from '../command/tokenize.ts';
import { untrustedText } from '../command/untrusted-text.ts';
import { when } from '../command/wording.ts';
import { TargetError } from '../errors.ts';
import { serverNameOf } from '../ids.ts';
import type { EventReportDetail } from '../services/event-reports.ts';

/** So much of a message is shown. */
const shownLength = 300;

export default defineCommand({
  name: 'report',
  group: 'bot',
  summary: 'Shows a reported message and who reported it',
  does: ['show the text as it was sent even if it was redacted lately'],
  doesNot: ['read encrypted messages', 'show pictures or open links'],
  args: {
    report: positional('integer', 'The report’s number', { min: 1, placeholder: 'ID' }),
  },
  danger: 'read',
  example: 'report 12',
  endpoints: ['GET /_synapse/admin/v1/event_reports/{report_id}'],
  async run({ args, services: { api }, prefix }) {
    const report = await api.reports.events.find(args.report);
    if (report === undefined) {
      throw new TargetError(
        'unknown',
        `there is no report #${args.report}, or its message is gone from the server`,
        `\`${prefix}reports\` lists those that there are.`,
      );
    }
    return report;
  },
  answer({ now }, report) {
    const { id, reason, score, sender, roomId, userId } = report;
    return {
      mark: 'ℹ️',
      title: [
        bold(`Report #${id}`),
        ': a message of ',
        sender === null ? 'somebody unknown' : code(cut(sender, 255)),
        ...(reason === null || reason.trim() === '' ? [] : [' for “', cut(reason, 120), '”']),
      ],
      body: [
        ...contentOf(report),
        facts(
          ['Reported by ', code(cut(userId, 255))],
          when(report.receivedTs, now),
          score !== null && `score ${score}`,
        ),
        line('In ', ...roomOf(report)),
        line('Message: ', code(linkTo(report))),
      ],
      next: [
        // Who reports is always of this server; accounts of others can't be looked up.
        ...(sender !== null && serverNameOf(sender) === serverNameOf(userId)
          ? [`user ${quote(sender)}`]
          : []),
        ...(sender === null ? [] : [`reports --sender ${quote(sender)}`]),
        `room ${quote(roomId)}`,
      ],
      data: { ...report, eventJson: undefined, ...eventData(report) },
    };
  },
});

function roomOf({ canonicalAlias, name, roomId }: EventReportDetail): Inline[] {
  return [
    ...(name === null || name.trim() === '' ? [] : [cut(name), ' ']),
    ...(canonicalAlias === null ? [] : [code(cut(canonicalAlias)), ' ']),
    code(cut(roomId, 255)),
  ];
}

/** https://spec.matrix.org/latest/appendices/#matrixto-navigation */
function linkTo({ roomId, eventId, sender }: EventReportDetail): string {
  const via = sender === null ? undefined : serverNameOf(sender);
  return `https://matrix.to/#/${encodeURIComponent(roomId)}/${encodeURIComponent(eventId)}${via === undefined ? '' : `?via=${encodeURIComponent(via)}`}`;
}

interface Sent {
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly sentTs: number | undefined;
}

function sentOf({ eventJson }: EventReportDetail): Sent {
  const { type, content, origin_server_ts: sentTs } = eventJson;
  return {
    type: typeof type === 'string' ? type : 'unknown',
    content:
      typeof content === 'object' && content !== null ? (content as Record<string, unknown>) : {},
    sentTs: typeof sentTs === 'number' ? sentTs : undefined,
  };
}

/** For programs. The content is shown once, cut, and not carried into the room a second time. */
function eventData(report: EventReportDetail) {
  const { type, sentTs } = sentOf(report);
  return { event: { type, originServerTs: sentTs ?? null } };
}

function contentOf(report: EventReportDetail): Block[] {
  const { type, content } = sentOf(report);
  if (Object.keys(content).length === 0) {
    return [line('It was redacted: nothing of it is left.')];
  }
  if (type === 'm.room.encrypted') {
    return [line('It is encrypted: nobody but the members of the room can read it.')];
  }
  if (type !== 'm.room.message' || typeof content['body'] !== 'string') {
    return [line(code(cut(type)), ': ', untrustedText(JSON.stringify(content), shownLength))];
  }
  const { msgtype, body, url } = content;
  const isText = msgtype === 'm.text' || msgtype === 'm.notice' || msgtype === 'm.emote';
  return [
    line(
      ...(isText || typeof msgtype !== 'string' ? [] : [code(cut(msgtype, 40)), ' ']),
      untrustedText(body, shownLength),
    ),
    ...(typeof url === 'string' ? [line('File: ', code(cut(url, 255)))] : []),
  ];
}
