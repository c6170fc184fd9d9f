import { stringify } from 'csv-stringify/sync';

import { code, line } from '../../chat/answers/answer.ts';
import type { AnswerFile, Block } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import type { Parsed, Resolved, Shown } from '../stages.ts';
import { targetsOf } from '../stages.ts';
import { firstOf } from './first-names.ts';
import { leftOutBlocks, maxNamed, maxShown } from './left-out.ts';

/** What a person is shown before an operation is taken back: what is done, and what stays. */
export function previewOfUndo(resolved: Resolved, parts: readonly Parsed[]): Shown {
  const { invocation, leftOut, staying } = resolved;
  const isLong = parts.length > maxShown;
  const byCommand = [...Map.groupBy(parts, ({ command }) => command).entries()];
  const targets = new Set(parts.flatMap(targetsOf)).size;
  return {
    preview: {
      title: [
        `Undo operation ${Number(invocation.arguments['operation'])}: ${count(parts.length, 'action')}`,
        targets > 1 ? ` on ${count(targets, 'account')}?` : '?',
      ],
      body: [
        {
          kind: 'list',
          items: isLong
            ? byCommand.map(([command, own]) => [code(command.name), ` ${targetsText(own)}`])
            : parts.map((part) => [code(lineOf(part))]),
        },
        ...byCommand.flatMap(([command]) =>
          (command.doesNot ?? []).length === 0
            ? []
            : [line(code(command.name), ` will not: ${(command.doesNot ?? []).join('; ')}`)],
        ),
        ...stayingBlocks('Can’t be taken back', staying?.permanent),
        ...stayingBlocks('Was done already, so there is nothing to take back', staying?.inVain),
        ...leftOutBlocks(leftOut),
        ...(isLong ? [line('The file contains the whole list.')] : []),
      ],
    },
    resolved,
    ...(isLong || leftOut.length > maxNamed ? { file: fileOf(resolved, parts) } : {}),
  };
}

/** A part as a command line, without the reason, which names the entry that it takes back. */
function lineOf({ command, invocation }: Parsed): string {
  const { reason: _, notBefore: __, ...rest } = invocation;
  return writeInvocation(command, { ...rest, dryRun: false });
}

/** `15 accounts: @a:x, @b:x, @c:x and 12 more` */
function targetsText(parts: readonly Parsed[]): string {
  const targets = parts.flatMap(targetsOf);
  return targets.length === parts.length
    ? `${count(targets.length, 'account')}: ${firstOf(targets)}`
    : count(parts.length, 'time');
}

/** `Can’t be taken back: redact (3), deactivate (3)` */
function stayingBlocks(why: string, names: ReadonlyMap<string, number> = new Map()): Block[] {
  return names.size === 0
    ? []
    : [line(`${why}: ${[...names].map(([name, times]) => `${name} (${times})`).join(', ')}`)];
}

/** Everything that is taken back, and what stays and why. */
function fileOf(
  { invocation: { reversals = [] }, leftOut }: Resolved,
  parts: readonly Parsed[],
): AnswerFile {
  const rows = [
    ...parts.map((part, at) => ({
      user_id: targetsOf(part)[0] ?? '',
      command: lineOf(part),
      takes_back: reversals[at]?.entry ?? '',
      left_out: '',
    })),
    ...leftOut.map(({ user, why }) => ({ user_id: user, left_out: why })),
  ];
  return {
    name: 'undo.csv',
    contentType: 'text/csv',
    content: stringify(rows, {
      header: true,
      columns: ['user_id', 'command', 'takes_back', 'left_out'],
      escape_formulas: true,
    }),
  };
}
