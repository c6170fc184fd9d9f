import { bold, code, line } from '../../../chat/answers/answer.ts';
import type { Answer } from '../../../chat/answers/answer.ts';
import { count, when, whole } from '../../../chat/answers/phrases.ts';
import type { Verified } from '../../../services/services.ts';

const faults = {
  changed: 'has been changed',
  missing: 'is missing',
  replaced: 'doesn’t match the head posted in this room',
} as const;

/** The result of checking the audit log. */
export function verifiedAnswer(
  { count: rows, head, fault, anchor }: Verified,
  now: number,
): Answer {
  const data = { count: rows, head, fault, posted: anchor };
  const written =
    anchor === undefined
      ? line('No head has been posted in this room yet.')
      : line(
          `Posted in this room ${when(anchor.at, now)}: ${count(anchor.count, 'row')}, head `,
          code(anchor.head),
        );
  if (fault !== undefined) {
    return {
      mark: '⚠️',
      title: [
        bold('The audit log was tampered with: '),
        `row ${whole(fault.id)} ${faults[fault.kind]}`,
      ],
      body: [
        line(`Intact before it: ${count(rows, 'row')}, head `, code(head)),
        written,
        line('Somebody has changed the database. Compare it with a backup.'),
      ],
      status: 'failed',
      data,
    };
  }
  return {
    mark: '✅',
    title: [bold('The audit log is intact: '), count(rows, 'row')],
    body: [
      line('Head: ', code(head)),
      written,
      ...(anchor === undefined
        ? []
        : [
            line(
              'The log continues from that head. To be certain, compare it with the message in this room.',
            ),
          ]),
    ],
    data,
  };
}
