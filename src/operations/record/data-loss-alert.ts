import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer, Block } from '../../chat/answers/answer.ts';
import { count, dateTime } from '../../chat/answers/phrases.ts';
import { matrixToLink } from '../../chat/reading/values.ts';
import type { RoomId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { Reply } from '../answer/reply.ts';
import type { Lost } from './lost-answers.ts';
import type { OwnMessage, Said } from './own-message.ts';

const maxShown = 20;
const maxLineLength = 100;

/** What the admins are told. */
interface Telling {
  readonly room: RoomId;
  readonly end: number;
  /** The last row that the database had before this start. */
  readonly kept: number;
  readonly missing: ReadonlyMap<number, OwnMessage>;
  readonly lost: Lost;
  /** A row of the audit log whose hash was posted in the room and is not in the log. */
  readonly head: { readonly count: number; readonly isOther: boolean } | undefined;
  readonly firstItem: number;
  readonly now: number;
}

/** Says what is missing in the database, and what that means. */
export function alertAnswer(telling: Telling): Answer {
  const { room, end, kept, missing, lost, head, firstItem, now } = telling;
  const newest = Math.max(end, ...missing.keys());
  const isNew = end === 0;
  return {
    mark: '⚠️',
    title: [
      bold(isNew ? 'My database is new' : 'My database is older than this room'),
      isNew
        ? ', and this room shows the work of an older one: was it lost?'
        : ': a backup was restored, or another file is used',
    ],
    body: [
      line(
        isNew ? 'My record is empty' : `My record ends at #${end}`,
        missing.size === 0
          ? '.'
          : `, and this room shows actions up to #${newest}. ${missingSummary(missing)}`,
      ),
      ...missingBlocks(room, missing),
      ...(head === undefined
        ? []
        : [
            line(
              head.isOther
                ? `Row ${head.count} of my audit log differs from the head that was posted in this room: the log was replaced or changed.`
                : `The head of row ${head.count} was posted in this room, but my audit log has no such row.`,
            ),
          ]),
      line(
        'Commands that were answered here are not carried out again. Resend those that have no answer. New entries continue from ',
        bold(`#${end + 1}`),
        ', so in this room these numbers will stand for two actions.',
      ),
      ...(lost.confirmations.length === 0
        ? []
        : [
            line(
              `${count(lost.confirmations.length, 'confirmation')} can’t be confirmed any more: resend the command.`,
            ),
          ]),
      line(
        `Rules don’t act on reports from before ${dateTime(now)}. Reports that were resolved or dismissed since the backup are open again. New reports are numbered from #${firstItem}.`,
      ),
      line('If you have a newer backup, stop me, restore it, and start me again.'),
    ],
    next: ['reports', 'audit verify', 'status'],
    data: {
      recordEndsAt: end,
      roomShows: newest,
      restored: { at: now, kept },
      missing: [...missing].map(([id, { answer }]) => ({
        id,
        command: answer?.command,
        status: answer?.status,
      })),
    },
  };
}

/** `4 actions are missing, from 2026-11-27 22:38 UTC to 2026-11-27 22:41 UTC.` */
function missingSummary(missing: ReadonlyMap<number, OwnMessage>): string {
  const times = [...missing.values()].map(({ sentAt }) => sentAt);
  const [first, last] = [dateTime(Math.min(...times)), dateTime(Math.max(...times))];
  return `${count(missing.size, 'action')} ${missing.size === 1 ? 'is' : 'are'} missing, ${first === last ? `of ${first}` : `from ${first} to ${last}`}.`;
}

/** The last of the actions that are missing, and how to look them up. */
function missingBlocks(room: RoomId, missing: ReadonlyMap<number, OwnMessage>): Block[] {
  const [first] = missing.values();
  if (first === undefined) {
    return [];
  }
  const shown = [...missing].slice(-maxShown);
  return [
    ...(missing.size > maxShown ? [line(`The last ${maxShown}:`)] : []),
    {
      kind: 'list',
      items: shown.map(([id, { answer, firstLine, sentAt }]) => [
        bold(`#${id} `),
        code(answer?.command ?? ''),
        ` ${cut(firstLine, maxLineLength)} · ${dateTime(sentAt)}`,
      ]),
    },
    line(
      'The answers in this room say who asked for them and who confirmed. They start at ',
      code(matrixToLink(room, first.edits ?? first.event)),
    ),
    line('Timers that these actions set are lost: what they did stays until somebody reverses it.'),
  ];
}

/** The text that replaces a confirmation that nobody can confirm any more. */
export function lostReply({ answer }: Pick<Said, 'answer'>): Reply {
  return {
    command: answer?.command ?? '',
    status: 'expired',
    audit: [],
    answer: {
      mark: '⚠️',
      title: [bold('This can’t be confirmed any more: '), 'it is not in my database'],
      body: [
        line(
          'The database was restored from a backup, or lost. As far as I know, nothing was changed.',
        ),
        line('Resend the command if you still want it.'),
      ],
    },
  };
}
