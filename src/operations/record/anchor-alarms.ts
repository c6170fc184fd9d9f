import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer, Block } from '../../chat/answers/answer.ts';
import { count, dateTime, when, whole } from '../../chat/answers/phrases.ts';
import { dayMs } from '../../core/duration.ts';
import { LawspeakerError, isRefusedForGood } from '../../core/errors.ts';
import { reasonOf } from '../../core/system-error.ts';
import type { Anchor } from '../../store/tables/audit/anchor.ts';
import type { Verification } from '../../store/tables/audit/audit-log.ts';
import { overdueAfterMs } from '../../store/witness.ts';
import type { FormerWitness, Gone, Restored, Witness, WrittenHead } from '../../store/witness.ts';
import { alarmOf } from '../answer/alarms.ts';
import type { RaiseAlarmContext } from '../answer/alarms.ts';
import { postAndDeliver } from '../answer/reply.ts';

export type AnchorAlarmContext = RaiseAlarmContext & {
  readonly anchorEvery: { readonly ms: number };
};

type Fault = NonNullable<Verification['fault']>;

/** Once the admins know of a head that does not fit, they are reminded this often, without a notification. */
const remindEveryMs = 7 * dayMs;

/**
 * What the admins are told about witnesses. When they were told is kept in memory and not in the database:
 * whoever has changed the audit log could change that, too. After a restart, they are told again.
 */
export function createAnchorAlarms(context: AnchorAlarmContext) {
  /** When the admins were told of what; on the bot's clock. */
  const toldAt = new Map<string, number>();

  async function tell(
    what: string,
    answer: Answer,
    { everyMs, isQuietLater = false }: { everyMs: number; isQuietLater?: boolean },
  ): Promise<void> {
    const now = context.now();
    const before = toldAt.get(what);
    // A clock that was set back does not make them wait.
    if (before !== undefined && Math.abs(now - before) < everyMs) {
      return;
    }
    const alarm = alarmOf(context, `audit-head ${what} ${now}`, answer);
    const isQuiet = isQuietLater && before !== undefined;
    await postAndDeliver(context, 'alert', isQuiet ? { ...alarm, mentions: [] } : alarm);
    toldAt.set(what, now);
  }

  return {
    /** The log does not continue from a head. */
    async misfit(witness: Place, head: WrittenHead): Promise<void> {
      await tell(`misfit ${witness.place}`, misfitAnswer(witness, head, context.now()), {
        everyMs: remindEveryMs,
        isQuietLater: true,
      });
    },

    /**
     * Heads are written elsewhere now.
     *
     * @param newest the last one that was written there
     * @param loss why they can't be compared; undefined if they can
     */
    async former(place: FormerWitness, newest: Anchor, loss: string | undefined): Promise<void> {
      const name = `former ${place.place} ${context.now()}`;
      const alarm = alarmOf(context, `audit-head ${name}`, formerAnswer(place, newest, loss));
      const isQuiet = loss === undefined;
      await postAndDeliver(context, 'alert', isQuiet ? { ...alarm, mentions: [] } : alarm);
    },

    /** A row was changed or removed, without new hashes for those after it. */
    async fault({ id, kind }: Fault, rows: number): Promise<void> {
      await tell(
        'fault',
        {
          mark: '⚠️',
          title: [
            bold('The audit log was tampered with: '),
            `row ${whole(id)} ${kind === 'missing' ? 'is missing' : 'has been changed'}`,
          ],
          body: [
            line(
              `I verify the whole log once a day. In order before it: ${count(rows, 'row')}. Somebody has changed the database. Compare it with a backup.`,
            ),
          ],
          next: ['audit verify'],
          data: { fault: { id, kind }, count: rows },
        },
        { everyMs: remindEveryMs, isQuietLater: true },
      );
    },

    /** The newest head is gone. */
    async removed(witness: Witness, gone: Gone): Promise<void> {
      await tell(`removed ${witness.place}`, removedAnswer(witness, gone), { everyMs: dayMs });
    },

    /**
     * The database says that it was restored, and nothing else does.
     *
     * @param lost how many heads that excuses
     */
    async restored(witness: Witness, restored: Restored, lost: number): Promise<void> {
      await tell(
        `restored ${restored.at} ${restored.kept}`,
        restoredAnswer(witness, restored, lost),
        { everyMs: Number.POSITIVE_INFINITY },
      );
    },

    /** Heads can't be written or read. Temporary failures are told once rows have waited for long. */
    async fails(
      witness: Witness,
      error: unknown,
      { before, dueSince }: { before: Anchor | undefined; dueSince: number | undefined },
    ): Promise<void> {
      const { kind, place } = witness;
      const isLasting =
        kind === 'file' ? error instanceof LawspeakerError : isRefusedForGood(error);
      const isOverdue =
        dueSince !== undefined && context.now() - dueSince > overdueAfterMs(context.anchorEvery.ms);
      if (isOverdue || (isLasting && kind !== 'management-room')) {
        await tell(`failing ${place}`, failureAnswer(witness, error, before), {
          everyMs: Number.POSITIVE_INFINITY,
        });
      }
    },

    /** If it fails again, the admins are told again. */
    works(place: string): void {
      toldAt.delete(`failing ${place}`);
    },
  };
}

export type AnchorAlarms = ReturnType<typeof createAnchorAlarms>;

type Place = Pick<Witness, 'kind' | 'place'> & Partial<Pick<FormerWitness, 'isFormer'>>;

function whereIn({ kind, isFormer }: Place): string {
  if (isFormer === true) {
    return kind === 'file' ? 'to a former file' : 'in a former room';
  }
  return kind === 'management-room' ? 'here' : 'to the witness';
}

function placeLines({ kind, place, isFormer }: Place): Block[] {
  if (kind === 'management-room') {
    return [];
  }
  return [line(isFormer === true ? `Former ${kind}: ` : 'Witness: ', code(place))];
}

function misfitAnswer(witness: Place, { count: rows, head, at }: WrittenHead, now: number): Answer {
  const where = whereIn(witness);
  return {
    mark: '⚠️',
    title: [
      bold('The audit log was tampered with: '),
      `it doesn’t continue from the head that I posted ${where}`,
    ],
    body: [
      line(
        `Row ${whole(rows)}, posted ${where} ${when(at, now)}, is missing or different. Somebody has changed the database.`,
      ),
      ...placeLines(witness),
      line(
        witness.isFormer === true
          ? 'Until this is resolved, I remind you once a week.'
          : 'Until this is resolved, I say so in every head that I post, and remind you once a week.',
      ),
    ],
    next: ['audit verify'],
    data: { posted: { count: rows, head, at }, place: witness.place },
  };
}

function formerAnswer(
  { kind, place }: FormerWitness,
  { count: rows, at }: Anchor,
  loss: string | undefined,
): Answer {
  const until = `${count(rows, 'row')}, ${dateTime(at)}`;
  const data = { former: { place, count: rows, at, compared: loss === undefined } };
  return loss === undefined
    ? {
        mark: 'ℹ️',
        title: [
          bold(`Older heads of the audit log are in another ${kind}: `),
          'I go on comparing with them',
        ],
        body: [
          line(`Former ${kind}: `, code(place), `, up to ${until}`),
          line(
            kind === 'file'
              ? 'Keep it, and let me read it: its heads still show whether older rows were changed.'
              : 'Keep me in that room: its heads still show whether older rows were changed. If you have not changed the configuration or moved an alias, find out who has.',
          ),
        ],
        next: ['audit verify'],
        data,
      }
    : {
        mark: '⚠️',
        title: [bold('Older heads of the audit log can’t be compared any more: '), loss],
        body: [
          line(`Former ${kind}: `, code(place), `, up to ${until}`),
          line(
            'Those rows can have been changed unseen since, unless another witness has heads of that time.',
            kind === 'file' ? ' Put the file back, and I go on.' : '',
          ),
        ],
        next: ['audit verify'],
        data,
      };
}

function removedAnswer(witness: Witness, { count: rows, at }: Gone): Answer {
  return {
    mark: '⚠️',
    title: [
      bold('A head of the audit log was removed: '),
      `the newest one that I posted ${whereIn(witness)} is gone`,
    ],
    body: [
      line(
        `I posted ${count(rows, 'row')} at ${dateTime(at)}. Rows before it could have been changed unseen. I continue with a new head.`,
      ),
      ...placeLines(witness),
    ],
    next: ['audit verify'],
    data: { removed: { count: rows, at }, place: witness.place },
  };
}

function restoredAnswer(witness: Witness, { at, kept }: Restored, lost: number): Answer {
  return {
    mark: '⚠️',
    title: [
      bold('My database says that it was restored or replaced, '),
      'and this room does not show that I found that: did you restore a backup?',
    ],
    body: [
      line(
        `It says so of ${dateTime(at)}, and that it kept ${kept === 0 ? 'no rows' : `the rows 1 to ${whole(kept)}`} of the audit log.`,
        ` So ${count(lost, 'head')} that I posted can’t be compared any more.`,
      ),
      line(
        'If nobody has restored a backup, somebody has changed the database to hide that they rewrote the audit log.',
      ),
      ...placeLines(witness),
    ],
    next: ['audit verify'],
    data: { restored: { at, kept }, lost, place: witness.place },
  };
}

function failureAnswer(
  { kind, place }: Witness,
  error: unknown,
  before: Anchor | undefined,
): Answer {
  return {
    mark: '⚠️',
    title: [
      bold(
        kind === 'management-room'
          ? 'I can’t post heads of the audit log here: '
          : 'The witness of the audit log fails: ',
      ),
      reasonOf(error),
    ],
    body: [
      ...(kind === 'management-room' ? [] : [line('Witness: ', code(place))]),
      line(
        before === undefined
          ? 'I have never written a head there.'
          : `The newest head there is from ${dateTime(before.at)}. Newer rows can be changed unseen until it works again${kind === 'management-room' ? '' : ', unless this room has newer heads'}.`,
      ),
      ...(error instanceof LawspeakerError && error.advice !== undefined
        ? [line(error.advice)]
        : []),
      line('I keep trying.'),
    ],
  };
}
