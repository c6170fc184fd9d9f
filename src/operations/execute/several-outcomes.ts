import { stringify } from 'csv-stringify/sync';

import { bold, code, line, sentence } from '../../chat/answers/answer.ts';
import type {
  AnswerFile,
  Block,
  Content,
  Inline,
  Mark,
  Status,
} from '../../chat/answers/answer.ts';
import { count, whole } from '../../chat/answers/phrases.ts';
import { subjectOf } from '../../chat/command/properties.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { LawspeakerError } from '../../core/errors.ts';
import { parseRoomId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import type { RefusalContext } from '../answer/refusal.ts';
import type { Reply } from '../answer/reply.ts';
import { firstOf } from '../confirm/first-names.ts';
import { maxShown } from '../confirm/left-out.ts';
import { numberDone, stepsData, unitNoun } from './operation-field.ts';
import { isCut, keptBackByStop, notBegunBeforeStop, stepNameOf } from './operation.ts';
import type { Attempt, AttemptStatus } from './operation.ts';
import {
  isForever,
  maxListed,
  reasonOf,
  sentenceCase,
  singleReply,
  timerBlocks,
} from './single-outcome.ts';
import type { About } from './single-outcome.ts';
import { targetEnds } from './target-ends.ts';
import type { TargetEnd } from './target-ends.ts';

/** The answer to an operation of several targets or steps, or to one that was cut short. */
export function severalReply(
  context: RefusalContext,
  about: About,
  attempts: readonly Attempt[],
  {
    status,
    operation,
    audit,
    more,
    next,
  }: {
    readonly status: Status;
    readonly operation: Pick<Reply, 'operation'>;
    readonly audit: readonly number[];
    /** What else is said, after the outcomes. */
    readonly more: readonly Block[];
    /** What to do next, before the rest. */
    readonly next: readonly string[];
  },
): Reply {
  const isLong = attempts.length > maxListed;
  const finish = finishOf(about);
  const { prefix } = context.settings;
  const shown = isLong ? attempts.filter((attempt) => attempt.status !== 'done') : attempts;
  const left = shown.length - maxListed;
  const isComplete = numberDone(attempts) === attempts.length && !isCut(about);
  // Of few, those of this process say so in lines of their own.
  const endless = attempts.filter(
    (attempt) => isForever(about, attempt) && (isLong || attempt.answer === undefined),
  );
  const hasFile =
    Math.max(attempts.length, about.units?.length ?? 0) > maxListed &&
    !(isComplete && (about.leftOut ?? []).length === 0);
  return {
    command: about.command.name,
    status,
    ...operation,
    audit: audit.slice(0, maxNumbers),
    answer: {
      mark: markOf(status, endless),
      title: titleOfAll(about, attempts),
      body: [
        ...cutBlocks(about),
        ...endlessBlocks(endless),
        ...(finish?.needsFile === true
          ? [line('To finish, reply to outcomes.csv with ', code(`${prefix}${finish.line}`))]
          : []),
        ...(shown.length === 0
          ? []
          : [
              {
                kind: 'list' as const,
                items: shown.slice(0, maxListed).map((attempt) => itemOf(context, about, attempt)),
              },
            ]),
        ...(left > 0 ? [line(`And ${count(left, 'other')}: see the file.`)] : []),
        ...adviceBlocks(context, about, attempts),
        ...(isLong
          ? attempts
              .filter(
                ({ stopped = [], insteadOf }) => stopped.length > 0 || insteadOf !== undefined,
              )
              .slice(0, maxListed)
              .flatMap((attempt) => timerBlocks(about, attempt, attempt.target))
          : attempts.flatMap((attempt) => timerBlocks(about, attempt, attempt.target))),
        ...more,
      ],
      next: [
        ...next,
        ...(finish?.needsFile === false ? [finish.line] : []),
        ...undoNext(about, attempts),
        ...(audit.length > 1 ? [`audit --operation ${about.id}`] : []),
      ],
      ...present({ file: hasFile ? fileOf(about, attempts) : undefined }),
      data: dataOf(about, attempts, isLong),
    },
  };
}

function markOf(status: Status, endless: readonly Attempt[]): Mark {
  const isDone = status === 'done' && endless.length === 0;
  return isDone ? '✅' : ['done', 'partial', 'unknown'].includes(status) ? '⚠️' : '❌';
}

/** Names the accounts that nothing takes back, although it was asked for a time: the reply was lost, for example. */
function endlessBlocks(endless: readonly Attempt[]): Block[] {
  const accounts = endless.flatMap(({ target }) => target ?? []);
  const left = accounts.length - maxListed;
  const named = `${accounts.slice(0, maxListed).join(', ')}${left > 0 ? ` and ${count(left, 'other')}` : ''}`;
  return accounts.length === 0
    ? []
    : [line(`No timer ends this for ${named}: there it stays in force.`)];
}

/** What became of each target, or how many; of a command with steps, also how far each step has got. */
function dataOf(about: About, attempts: readonly Attempt[], isLong: boolean): unknown {
  const steps = stepsData(about);
  const targets = isLong
    ? { targets: attempts.length, done: numberDone(attempts) }
    : attempts.map(({ target, step, command, status: one, audit: entry }) => ({
        userId: target,
        ...present({ step, command }),
        status: one,
        audit: entry,
      }));
  return steps === undefined
    ? targets
    : { steps, ...(Array.isArray(targets) ? { outcomes: targets } : targets) };
}

/** At most this many audit numbers stand in the answer for programs: an event has a limited size. */
const maxNumbers = 100;

/** `takedown stopped: 20 of 30 accounts done, 3 half done, 7 untouched` */
function titleOfAll(about: About, attempts: readonly Attempt[]): Content {
  const { units = [] } = about;
  const name = nameOfAll(about);
  if (attempts.length === 0) {
    return [bold(`${name}: nothing was done`)];
  }
  const ends = targetEnds(about);
  const [only] = ends;
  if (only === undefined) {
    return [bold(`${name}: ${whole(numberDone(attempts))} of ${whole(attempts.length)} done`)];
  }
  if (ends.length === 1) {
    const done = `${numberDone(attempts)} of ${count(units.length, unitNoun(about))} done`;
    return [bold(`${name}: ${done}`), ...(only.target ? [' for ', code(only.target)] : [])];
  }
  const noun = ends.every(({ target }) => target !== undefined) ? 'account' : 'action';
  const others = (['half done', 'failed', 'unknown', 'untouched'] as const)
    .map((end) => ({ end, number: ends.filter((one) => one.end === end).length }))
    .filter(({ number }) => number > 0)
    .map(({ end, number }) => `, ${whole(number)} ${end}`);
  const done = ends.filter(({ end }) => end === 'done').length;
  return [bold(`${name}: ${whole(done)} of ${count(ends.length, noun)} done`, ...others)];
}

/** `undo of operation 7 stopped`; by a timer `end of operation 7 (unlock)` */
function nameOfAll(about: About): string {
  const { command, invocation } = about;
  const { actor, reversals, arguments: given } = invocation;
  const isEnd = actor.kind === 'timer' && reversals !== undefined;
  return [
    isEnd ? 'end' : command.name,
    ...(reversals === undefined ? [] : [`of operation ${Number(given['operation'])}`]),
    ...(isEnd ? [`(${[...new Set(reversals.map((one) => one.command))].join(', ')})`] : []),
    ...(keptBackByStop(about).length === 0 ? [] : ['stopped']),
  ].join(' ');
}

/** What is missing for which accounts, if not everything was begun. */
export function cutBlocks(about: About): Block[] {
  const ends = targetEnds(about);
  const cut = ends.filter(({ end, notBegun }) => end !== 'untouched' && notBegun.length > 0);
  const [first] = cut;
  if (first !== undefined && ends.length === 1) {
    const { notBegun } = first;
    const names = notBegun.length > maxListed ? firstOf(notBegun) : notBegun.join(', ');
    const why = about.units?.find(({ leftOut }) => leftOut !== undefined)?.leftOut;
    return [
      line(
        `Not begun: ${names}${why === undefined || why === notBegunBeforeStop ? '' : ` (${why})`}`,
      ),
    ];
  }
  const left = cut.length - maxListed;
  const stopped = new Set(keptBackByStop(about).map(({ target }) => target));
  const untouched = ends.flatMap(({ end, target }) =>
    end === 'untouched' && target !== undefined && stopped.has(target) ? [target] : [],
  );
  return [
    ...(first === undefined
      ? []
      : [
          line('Not begun for accounts that are half done:'),
          { kind: 'list' as const, items: cut.slice(0, maxListed).map(cutItem) },
        ]),
    ...(left > 0 ? [line(`And ${count(left, 'other')}: see the file.`)] : []),
    ...(untouched.length === 0 ? [] : [line(`Untouched: ${firstOf(untouched)}`)]),
  ];
}

function cutItem({ target, notBegun }: TargetEnd): Inline[] {
  return [...(target === undefined ? [] : [code(target), ': ']), notBegun.join(', ')];
}

/** How to do what was not begun, if somebody has stopped it. */
function finishOf(
  about: About,
): { readonly line: string; readonly needsFile: boolean } | undefined {
  const { command, invocation } = about;
  const { notBefore: _, ...atOnce } = invocation;
  const keptBack = keptBackByStop(about);
  if (keptBack.length === 0) {
    return undefined;
  }
  const subject = subjectOf(command);
  if (subject === undefined && command.stepsAreRooms === true) {
    return finishRooms(
      about,
      keptBack.map((unit) => stepNameOf(about, unit) ?? ''),
    );
  }
  if (invocation.reversals !== undefined || subject === undefined) {
    return { line: writeInvocation(command, atOnce), needsFile: false };
  }
  const targets = [...new Set(keptBack.flatMap(({ target }) => target ?? []))];
  if (command.stepsAreRooms === true) {
    const left = new Set(keptBack.map((unit) => stepNameOf(about, unit)));
    const rooms = Object.entries(invocation.arguments).flatMap(([key, value]) =>
      command.args[key]?.kind === 'room' && Array.isArray(value)
        ? [[key, value.filter((room) => left.has(String(room)))] as const]
        : [],
    );
    const given = { ...invocation.arguments, ...Object.fromEntries(rooms), [subject]: targets };
    return { line: writeInvocation(command, { ...atOnce, arguments: given }), needsFile: false };
  }
  const needsFile = targets.length > maxShown;
  const line = writeInvocation(command, {
    ...atOnce,
    arguments: { ...invocation.arguments, [subject]: needsFile ? [] : targets },
  });
  return { line: needsFile ? `${line} --from-file` : line, needsFile };
}

/** The same command for the rooms that were not begun, if they fit into a line. The file has the others. */
function finishRooms(
  { command, invocation }: About,
  rooms: readonly string[],
): ReturnType<typeof finishOf> {
  const { notBefore: _, ...atOnce } = invocation;
  const [key] = Object.entries(command.args).find(([, { kind }]) => kind === 'room') ?? [];
  return key === undefined || rooms.length > maxShown
    ? undefined
    : {
        line: writeInvocation(command, {
          ...atOnce,
          arguments: { ...invocation.arguments, [key]: rooms },
        }),
        needsFile: false,
      };
}

function itemOf(context: RefusalContext, about: About, attempt: Attempt): Inline[] {
  const isOne = new Set(about.units?.map(({ position }) => position)).size === 1;
  const whose = attempt.target === undefined ? [] : [' ', code(attempt.target)];
  if (attempt.step !== undefined) {
    const mark = marks[attempt.status];
    // What was done in a room names it.
    const isNamed =
      (attempt.status === 'done' || attempt.status === 'partial') &&
      attempt.did !== undefined &&
      parseRoomId(attempt.step) !== undefined;
    const how =
      attempt.status === 'done'
        ? (attempt.did ?? 'done')
        : attempt.status === 'failed'
          ? reasonOf(attempt)
          : attempt.status === 'partial'
            ? [attempt.did, reasonOf(attempt)].filter((part) => part !== undefined).join(', but ')
            : attempt.status === 'running'
              ? 'still running'
              : 'not known whether it was done';
    return [
      `${mark} `,
      ...(isNamed ? [] : [bold(`${attempt.step}: `)]),
      ...(isNamed ? [sentenceCase(how)] : sentence(how)),
      ...(isOne ? [] : whose),
    ];
  }
  const { answer } = singleReply(context, about, attempt, []);
  return [`${answer.mark} `, ...answer.title, ...(attempt.status === 'failed' ? whose : [])];
}

/**
 * What to do about the rooms in which it was not done, if it applies to all of them. An advice that names a command is
 * an example for the others.
 */
function adviceBlocks(
  { settings: { prefix } }: RefusalContext,
  { command }: About,
  attempts: readonly Attempt[],
): Block[] {
  const advices = attempts.flatMap(({ error, status }) =>
    status === 'failed' || status === 'partial'
      ? [error instanceof LawspeakerError ? error.advice : undefined]
      : [],
  );
  const isSame = new Set(advices).size === 1;
  const advice = isSame ? advices[0] : advices.find((one) => one?.includes(`\`${prefix}`) === true);
  return command.stepsAreRooms === true && advice !== undefined ? [line(...sentence(advice))] : [];
}

const marks: Readonly<Record<AttemptStatus, Mark>> = {
  done: '✅',
  partial: '⚠️',
  failed: '❌',
  running: '⏳',
  unknown: '⚠️',
};

/** Every target, with each of its steps, and how it ended. */
function fileOf(about: About, attempts: readonly Attempt[]): AnswerFile {
  const { leftOut = [], units = [] } = about;
  const begun = attempts.map((attempt) => ({
    user_id: attempt.target ?? '',
    step: attempt.step ?? attempt.command ?? '',
    status: attempt.status,
    audit: attempt.audit ?? '',
    why: attempt.status === 'failed' || attempt.status === 'partial' ? reasonOf(attempt) : '',
  }));
  const row = (user: string, step: string, why: string) => ({
    user_id: user,
    step,
    status: 'left out' as const,
    audit: '' as const,
    why,
  });
  const notBegun = units.flatMap((unit) =>
    unit.leftOut === undefined
      ? []
      : [row(unit.target ?? '', stepNameOf(about, unit) ?? '', unit.leftOut)],
  );
  const known = new Set(notBegun.map(({ user_id: user }) => user));
  const before = leftOut
    .filter(({ user }) => !known.has(user))
    .map(({ user, why }) =>
      parseRoomId(user) === undefined ? row(user, '', why) : row('', user, why),
    );
  return {
    name: 'outcomes.csv',
    contentType: 'text/csv',
    content: stringify([...begun, ...notBegun, ...before], {
      header: true,
      columns: ['user_id', 'step', 'status', 'audit', 'why'],
      escape_formulas: true,
    }),
  };
}

/** The line that takes back all of it, if anything takes it back. */
function undoNext({ id }: About, attempts: readonly Attempt[]): string[] {
  return id !== undefined && attempts.some(({ undo }) => undo !== undefined)
    ? [`undo --operation ${id}`]
    : [];
}
