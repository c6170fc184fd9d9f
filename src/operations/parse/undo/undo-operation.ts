import type { Json, LeftOut, Reversal } from '../../../chat/command/invocation.ts';
import { partialUndo } from '../../../chat/command/partial-undo.ts';
import { canBeUndoneIfItChanged } from '../../../chat/command/properties.ts';
import { readArguments } from '../../../chat/command/read-arguments.ts';
import { undoneBy } from '../../../chat/reading/entry-number.ts';
import { tokenize } from '../../../chat/reading/tokenize.ts';
import { TargetError, UsageError } from '../../../core/errors.ts';
import { present } from '../../../core/present.ts';
import type { Store } from '../../../store/store.ts';
import type { AuditEntry } from '../../../store/tables/audit/audit-log.ts';
import type { Operation } from '../../../store/tables/operations/operations.ts';
import type { Parsed, ParsedContext, Staying } from '../../stages.ts';
import { withParts } from '../../stages.ts';
import { commandNamed, readingContext } from '../command-line.ts';
import type { CommandNameContext, ReadingSettings } from '../command-line.ts';
import { changedSince, changesBefore, changesByTarget, whyStays } from './changed-since.ts';
import { asGiven, deedOf, isSamePlace } from './same-deed.ts';
import { endOf, foundDone, maxTogether, undoOf } from './undo-of.ts';

/** What finding the reversals of an operation needs. */
export type UndoOperationContext = CommandNameContext &
  ReadingSettings &
  ParsedContext & { readonly store: Pick<Store, 'auditLog' | 'operations'> };

/**
 * Finds what takes back an operation: the reversal of each of its audit entries that has one, the newest first.
 * What was changed again since is left as it is.
 *
 * @param parsed the undo, as it was read
 * @param id the number of the operation
 * @param only the numbers of the entries to take back; all by default
 * @throws TargetError there is no such operation, it has not ended, or nothing of it can be taken back
 */
export async function undoOperation(
  context: UndoOperationContext,
  parsed: Parsed,
  id: number,
  only?: ReadonlySet<number>,
): Promise<Parsed> {
  const operation = await ended(context, id);
  const { auditLog } = context.store;
  const all = await auditLog.search({ eventId: operation.eventId, limit: maxTogether });
  const entries = only === undefined ? all : all.filter((entry) => only.has(entry.id));
  const changesOf = changesByTarget(auditLog, entries);
  const { prefix } = context.settings;
  const { invocation } = parsed;
  const reversals: Reversal[] = [];
  const leftOut: LeftOut[] = [];
  const permanent = new Map<string, number>();
  const inVain = new Map<string, number>();
  for (const entry of entries) {
    const line = invocation.actor.kind === 'timer' ? endOf(entry) : undoOf(entry);
    const name = deedOf(entry);
    if (line === undefined) {
      const earlier = foundDone(entry)
        ? earlierOf(context, entry, [
            ...(await changesOf(entry)),
            ...(await changesBefore(auditLog, entry)),
          ])
        : undefined;
      if (earlier !== undefined) {
        leftOut.push(
          left(
            entry,
            `keeps ${name}, done before this operation by #${earlier.id}; to lift it: ${prefix}${undoOf(earlier)}`,
          ),
        );
      } else if (entry.status === 'done' || entry.status === 'partial') {
        const staying = hadNothingToDo(context, entry) ? inVain : permanent;
        staying.set(name, (staying.get(name) ?? 0) + 1);
      } else if (entry.status !== 'failed') {
        leftOut.push(left(entry, `is left as it is: ${name} is ${entry.status}`));
      }
      continue;
    }
    const reversal = readReversal(context, entry, line);
    const newer = reversal && changedSince(entry, reversal.command, await changesOf(entry));
    if (reversal === undefined) {
      leftOut.push(left(entry, 'has a reversal that this version can’t read'));
    } else if (newer === undefined) {
      reversals.push(reversal);
    } else {
      const isLifted = newer.command === reversal.command || undoneBy(newer.reason) === entry.id;
      const how = isLifted ? '' : `; to lift it all the same: ${prefix}${line}`;
      leftOut.push(left(entry, `${whyStays(entry, newer)}${how}`));
    }
  }
  if (reversals.length === 0) {
    throw nothingToTakeBack(context, operation, { entries, leftOut, permanent, inVain });
  }
  return {
    ...withParts(context, { ...parsed, invocation: { ...invocation, reversals } }),
    staying: { leftOut, permanent, inVain },
  };
}

/** Whether an entry without a reversal has changed nothing, as far as was known. */
function hadNothingToDo({ registry }: CommandNameContext, entry: AuditEntry): boolean {
  const command = registry.find(entry.command);
  return (
    foundDone(entry) ||
    (entry.status === 'done' && command !== undefined && canBeUndoneIfItChanged(command))
  );
}

/** @throws TargetError there is no such operation, or it has not ended */
async function ended({ store, settings }: UndoOperationContext, id: number): Promise<Operation> {
  const { prefix } = settings;
  const operation = await store.operations.get(id);
  if (operation === undefined) {
    throw new TargetError(
      'unknown',
      `there is no operation ${id}`,
      'The answer to a command names its operation.',
    );
  }
  switch (operation.state) {
    case 'awaiting':
      throw new TargetError(
        'state',
        `operation ${id} is not confirmed yet`,
        `To cancel it: \`${prefix}cancel ${operation.code ?? ''}\``,
      );
    case 'scheduled':
      throw new TargetError(
        'state',
        `operation ${id} has not run yet`,
        `To cancel it: \`${prefix}stop-job ${id}\``,
      );
    case 'running':
      throw new TargetError(
        'state',
        `operation ${id} still runs`,
        `Wait until it has ended, or stop it: \`${prefix}stop-job ${id}\``,
      );
    case 'done':
    case 'partial':
    case 'failed':
    case 'unknown':
    case 'cancelled':
    case 'expired':
      return operation;
  }
}

/** Reads the command line that takes back an entry; undefined if this version can't read it. */
function readReversal(
  context: CommandNameContext & ReadingSettings,
  { id }: AuditEntry,
  line: string,
): Reversal | undefined {
  try {
    const command = commandNamed(context, line);
    const { values, on } = readArguments(command, tokenize(line).slice(1), readingContext(context));
    const given = Object.entries(values).filter(([, value]) => value !== undefined);
    return {
      entry: id,
      command: command.name,
      arguments: Object.fromEntries(given) as Record<string, Json>,
      ...present({ on }),
    };
  } catch (error) {
    if (error instanceof UsageError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Who did what a step found done already, if its target is still so because of that: an account that was
 * suspended before a takedown stays suspended when the takedown is taken back.
 */
function earlierOf(
  context: CommandNameContext & ReadingSettings,
  entry: AuditEntry,
  changes: readonly AuditEntry[],
): AuditEntry | undefined {
  const takenBack = new Set(changes.map(({ reason }) => undoneBy(reason)));
  const isTakenBack = (one: AuditEntry, line: string) => {
    const reversal = readReversal(context, one, line);
    return (
      takenBack.has(one.id) ||
      // Somebody has typed the reversal.
      changes.some(
        ({ id, status, command, arguments: given }) =>
          id > one.id &&
          status === 'done' &&
          command === reversal?.command &&
          JSON.stringify(asGiven(given)) === JSON.stringify(reversal.arguments),
      )
    );
  };
  return changes.find((one) => {
    const line = undoOf(one);
    return (
      one.id < entry.id &&
      one.status === 'done' &&
      deedOf(one) === deedOf(entry) &&
      isSamePlace(one, entry) &&
      line !== undefined &&
      !isTakenBack(one, line)
    );
  });
}

function left({ target }: AuditEntry, why: string): LeftOut {
  return { user: target ?? 'this server', why };
}

function nothingToTakeBack(
  { registry, settings: { prefix } }: UndoOperationContext,
  { id, command }: Operation,
  { entries, leftOut, permanent, inVain }: Staying & { readonly entries: readonly AuditEntry[] },
): TargetError {
  if (permanent.size === 0 && leftOut.length === 0) {
    return new TargetError(
      'state',
      `operation ${id} has changed nothing, so there is nothing to undo`,
    );
  }
  const why = [
    ...(permanent.size === 0 ? [] : [`${[...permanent.keys()].join(', ')} can’t be undone`]),
    ...(inVain.size === 0
      ? []
      : [`${[...inVain.keys()].join(', ')} found everything done already`]),
    ...leftOut.slice(0, maxNamed).map(({ user, why: reason }) => `${user} ${reason}`),
    ...(leftOut.length > maxNamed ? [`and ${leftOut.length - maxNamed} more`] : []),
  ];
  const done = entries.filter(({ status }) => status === 'done').reverse();
  const targets = [...new Set(done.flatMap(({ target }) => target ?? []))];
  const partly = partialUndo(registry, prefix, { command, targets, operation: id });
  return new TargetError(
    'state',
    `nothing of operation ${id} can be taken back`,
    [`${why.join('; ')}.`, ...(partly === undefined ? [] : [partly])].join('\n'),
  );
}

/** At most this many of what is left as it is are named in an error. */
const maxNamed = 5;
