import { bold, code, line } from '../../../chat/answers/answer.ts';
import type { Answer, Block, Inline } from '../../../chat/answers/answer.ts';
import { clock, count, dateTime, when, whole } from '../../../chat/answers/phrases.ts';
import { dayMs } from '../../../core/duration.ts';
import { present } from '../../../core/present.ts';
import type { Compared, Verified } from '../../../services/services.ts';

/** The result of checking the audit log and comparing it with its witnesses. */
export function verifiedAnswer(verified: Verified, now: number): Answer {
  const { count: rows, head, fault, isIncomplete } = verified;
  const data = dataOf(verified);
  const isCovered = fault === undefined && !isIncomplete;
  const compared = verified.witnesses.flatMap((witness) => witnessLines(witness, isCovered, now));
  const restored = restorationLines(verified);
  if (fault !== undefined) {
    return {
      mark: '⚠️',
      title: [
        bold('The audit log was tampered with: '),
        `row ${whole(fault.id)} ${faultText(verified)}`,
      ],
      body: [
        ...whereToLook(verified),
        line(`In order before it: ${count(rows, 'row')}, head `, code(short(head))),
        ...compared,
        ...restored,
        line('Somebody has changed the database. Compare it with a backup.'),
      ],
      status: 'failed',
      data,
    };
  }
  const body = [
    ...compared,
    ...restored,
    ...unanchoredLines(verified, now),
    line('Head of the chain: ', code(head)),
  ];
  return isIncomplete
    ? {
        mark: '⚠️',
        title: [
          bold('The audit log’s chain is in order, but not everything could be compared: '),
          count(rows, 'row'),
        ],
        body,
        status: 'failed',
        data,
      }
    : {
        mark: '✅',
        title: [bold('The audit log is intact: '), count(rows, 'row')],
        body,
        data,
      };
}

function faultText({ fault, witnesses }: Verified): string {
  switch (fault?.kind) {
    case 'changed':
      return 'has been changed';
    case 'replaced': {
      const by = witnesses.find(({ misfit }) => misfit !== undefined);
      return by === undefined
        ? 'doesn’t match my own copy of a head'
        : `doesn’t match the head posted ${placeName(by)}`;
    }
    case 'missing':
    case undefined:
      return 'is missing';
  }
}

function placeName({ kind, isFormer }: Compared): string {
  switch (kind) {
    case 'management-room':
      return 'in this room';
    case 'room':
      return isFormer ? 'in a former room' : 'in the witness room';
    case 'file':
      return isFormer ? 'in a former file' : 'in the witness file';
  }
}

/** A head shows only that something before it was changed. */
function whereToLook({ fault, anchored, count: rows }: Verified): Block[] {
  if (fault?.kind !== 'replaced') {
    return [];
  }
  const from = Math.min(rows, anchored?.count ?? 0) + 1;
  return [
    line(
      from === fault.id
        ? `Row ${whole(from)} was rewritten.`
        : `At least one of the rows ${whole(from)} to ${whole(fault.id)} was rewritten, with the hashes of all rows after it.`,
    ),
  ];
}

/** @param isCovered whether what is missing in one place is covered by another, or by later heads */
function witnessLines(compared: Compared, isCovered: boolean, now: number): Block[] {
  const { kind, place, isFormer, heads, newest, misfit, ofLostRows, removed } = compared;
  const { vanished, replaced, carriesMisfit, unreadable, isWhole, failure } = compared;
  const where: Inline[] =
    kind === 'management-room'
      ? ['In this room: ']
      : [isFormer ? `In the former ${kind} ` : 'In the witness ', code(place), ': '];
  if (failure !== undefined) {
    const instead = isCovered ? '; another place has a head of that time' : '';
    return [line(...where, `not compared, ${failure}${instead}`)];
  }
  const facts = [
    ...(heads === 0 && kind === 'management-room'
      ? ['No head has been posted in this room yet']
      : heads === 0
        ? ['no head yet']
        : [`${count(heads, 'head')} compared${isWhole ? '' : ', not the oldest ones'}`]),
    ...(newest === undefined
      ? []
      : [`the newest that fits has ${count(newest.count, 'row')}, ${when(newest.at, now)}`]),
  ];
  return [
    line(
      ...(heads === 0 && kind === 'management-room' ? [] : where),
      facts.join('; '),
      ...(newest === undefined ? [] : [', head ', code(short(newest.head))]),
    ),
    ...(misfit === undefined
      ? []
      : [
          line(
            `Doesn’t fit: ${count(misfit.count, 'row')}, posted ${when(misfit.at, now)}, head `,
            code(short(misfit.head)),
          ),
        ]),
    ...(ofLostRows === 0
      ? []
      : [line(`${count(ofLostRows, 'head')} of rows that the database no longer has`)]),
    ...(removed === 0
      ? []
      : [
          line(
            `${removed === 1 ? '1 head was' : `${whole(removed)} heads were`} removed there by somebody${isCovered ? '; other heads cover the same rows' : ''}`,
          ),
        ]),
    ...(vanished === undefined
      ? []
      : [
          line(
            `The newest head that I wrote there, ${count(vanished.count, 'row')}, is gone${isCovered ? '; other heads cover the same rows' : ''}`,
          ),
        ]),
    ...(replaced === 0
      ? []
      : [
          line(
            `${replaced === 1 ? '1 head was' : `${whole(replaced)} heads were`} gone there when I wrote the next${isCovered ? '; another place has a head of that time' : ': rows could have been changed before'}`,
          ),
        ]),
    ...(carriesMisfit
      ? [line('I have found a head there that doesn’t fit, and say so in later ones')]
      : []),
    ...(unreadable === 0
      ? []
      : [
          line(
            kind === 'file'
              ? `${count(unreadable, 'line')} can’t be read`
              : `${count(unreadable, 'message')} can’t be decrypted; there may be heads among them`,
          ),
        ]),
  ];
}

/** As the notice in the room shows it. */
const short = (head: string) => `${head.slice(0, 12)}…`;

function restorationLines({ restorations }: Verified): Block[] {
  return restorations.map(({ at, kept, told }) =>
    line(
      `The database was restored or replaced at ${dateTime(at)}. Of the rows before, it kept ${kept === 0 ? 'none' : `1 to ${whole(kept)}`}.`,
      told === true
        ? ''
        : ' Only the database itself says so: if nobody has restored it, somebody has changed it.',
    ),
  );
}

function unanchoredLines({ unanchored }: Verified, now: number): Block[] {
  if (unanchored === undefined) {
    return [];
  }
  const { from, to, since, due } = unanchored;
  const timeOf = (at: number) => (Math.abs(now - at) < dayMs / 2 ? clock(at) : dateTime(at));
  const rows = from === to ? `Row ${whole(from)}` : `Rows ${whole(from)} to ${whole(to)}`;
  const are = from === to ? 'is' : 'are';
  return [
    line(
      due > now
        ? `${rows} ${are} new: the next head covers ${from === to ? 'it' : 'them'}, by ${timeOf(due)} at the latest.`
        : `${rows}, since ${timeOf(since)}, ${are} not anchored: if somebody cut ${from === to ? 'it' : 'them'} off, nothing here would show it.`,
    ),
  ];
}

/** For programs. `posted` is the newest head that fits. */
function dataOf(verified: Verified): unknown {
  const { count: rows, head, fault, anchored, unanchored, witnesses, restorations } = verified;
  return {
    count: rows,
    head,
    ...present({ fault, unanchored }),
    ...(anchored === undefined
      ? {}
      : { posted: { count: anchored.count, head: anchored.head, at: anchored.at } }),
    witnesses: witnesses.map(({ newest, misfit, vanished, failure, ...rest }) => ({
      ...rest,
      ...present({ failure }),
      ...(newest === undefined ? {} : { newest: newest.count }),
      ...(misfit === undefined ? {} : { misfit: misfit.count }),
      ...(vanished === undefined ? {} : { vanished: vanished.count }),
    })),
    ...(restorations.length === 0 ? {} : { restorations }),
  };
}
