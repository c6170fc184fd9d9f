import { ago, count } from '../../../chat/answers/phrases.ts';
import type { LastUndo } from '../../../chat/command/invocation.ts';
import { partialUndo } from '../../../chat/command/partial-undo.ts';
import { canChange } from '../../../chat/command/properties.ts';
import { readArguments } from '../../../chat/command/read-arguments.ts';
import { undoneBy } from '../../../chat/reading/entry-number.ts';
import { tokenize } from '../../../chat/reading/tokenize.ts';
import { dayMs } from '../../../core/duration.ts';
import { TargetError, UsageError } from '../../../core/errors.ts';
import type { UserId } from '../../../core/ids.ts';
import type { Store } from '../../../store/store.ts';
import { stepOf } from '../../../store/tables/audit/audit-log.ts';
import type { AuditEntry } from '../../../store/tables/audit/audit-log.ts';
import type { DataLoss } from '../../../store/tables/data-loss.ts';
import { commandNamed, readingContext } from '../command-line.ts';
import type { CommandNameContext, ReadingSettings } from '../command-line.ts';
import { assertNewest } from './may-undo.ts';
import type { UndoContext } from './may-undo.ts';
import { undoLine } from './undo-line.ts';
import { maxTogether, undoOf } from './undo-of.ts';

/** What finding somebody's last action needs. */
export type LastActionContext = UndoContext &
  CommandNameContext &
  ReadingSettings & {
    readonly store: Pick<Store, 'operations'>;
    now(): number;
  };

/** An older action is not taken for the "last" one without asking. */
const maxAgoMs = dayMs;
/** At most this many audit entries are searched. */
const maxSearched = 100;
/** At most this many entries of one command are named. */
const maxNamed = 3;

/**
 * The newest action of a person that is not undone yet. Actions that undo another one don't count, so that
 * a second `undo last` goes on to the action before; `skipped` names them.
 *
 * @throws TargetError there is no such action; or it is not clear which one is meant, because the newest
 * can't be undone, was one of several, or is long ago
 */
export async function lastActionOf(
  context: LastActionContext,
  user: UserId,
): Promise<AuditEntry & Pick<LastUndo, 'skipped'>> {
  const { prefix } = context.settings;
  const { auditLog, dataLoss } = context.store;
  const loss = await dataLoss.get();
  const found = await changesOf(auditLog, { by: user, limit: maxSearched });
  const own = found.filter(({ actor, command: name }) => {
    const command = context.registry.find(name);
    return actor === user && (command === undefined || canChange(command));
  });
  const undone = new Set(own.map(({ reason }) => undoneBy(reason)));
  const isOpen = ({ id, reason }: AuditEntry) => undoneBy(reason) === undefined && !undone.has(id);
  const open = own.filter(isOpen);
  const [last] = open;
  if (last === undefined) {
    throw new TargetError('unknown', 'you have no recent action to undo');
  }
  const { eventId } = last;
  const earlier = await firstToUndo(
    context,
    open.filter((entry) => entry.eventId !== eventId),
  );
  const ofLast = await changesOf(auditLog, { eventId, limit: maxTogether });
  const together = ofLast.filter((entry) => entry.actor === user && isOpen(entry));
  if (together.length > 1) {
    const operation = await context.store.operations.byEvent(eventId);
    throw severalDone(context, { together, earlier, operation: operation?.id, loss });
  }
  if (undoOf(last) === undefined) {
    throw new TargetError(
      'state',
      `your last action, #${last.id} (${last.command}), can’t be undone`,
      insteadOf(context, [last], { earlier, operation: undefined, loss }),
    );
  }
  if (context.now() - last.at > maxAgoMs) {
    throw new TargetError(
      'state',
      `your last action was ${ago(last.at, context.now())}; if you mean it, name it`,
      undoLine(prefix, last, loss),
    );
  }
  const skipped = own.flatMap(({ id, reason }) => {
    const of = undoneBy(reason);
    return of === undefined || id < last.id ? [] : [{ id, of }];
  });
  return { ...last, skipped };
}

/** What was done, at least in part, the newest first. */
async function changesOf(
  auditLog: Pick<Store['auditLog'], 'search'>,
  filters: Parameters<Store['auditLog']['search']>[0],
): Promise<AuditEntry[]> {
  const found = [
    ...(await auditLog.search({ ...filters, status: 'done' })),
    ...(await auditLog.search({ ...filters, status: 'partial' })),
  ];
  return found.sort((one, other) => other.id - one.id);
}

/** At most this many earlier actions are looked at. */
const maxEarlier = 10;

/** The newest of these actions that nobody has changed or taken back since. */
async function firstToUndo(
  context: LastActionContext,
  entries: readonly AuditEntry[],
): Promise<AuditEntry | undefined> {
  for (const entry of entries.filter((one) => undoOf(one) !== undefined).slice(0, maxEarlier)) {
    try {
      const undo = undoOf(entry) ?? '';
      const undoing = commandNamed(context, undo);
      const { values } = readArguments(undoing, tokenize(undo).slice(1), readingContext(context));
      await assertNewest(context, entry, { command: undoing.name, values });
      return entry;
    } catch (error) {
      if (!(error instanceof TargetError || error instanceof UsageError)) {
        throw error;
      }
    }
  }
  return undefined;
}

/** What a person did last. */
interface LastDone {
  /** The entries of the command, newest first. */
  readonly together: readonly AuditEntry[];
  /** What the person did before, if it can be undone. */
  readonly earlier: AuditEntry | undefined;
  readonly operation: number | undefined;
  readonly loss: DataLoss | undefined;
}

/** What to do instead, if none of these entries can be undone. */
function insteadOf(
  { registry, settings: { prefix } }: CommandNameContext,
  entries: readonly AuditEntry[],
  { earlier, operation, loss }: Omit<LastDone, 'together'>,
): string | undefined {
  const [first] = entries;
  const isOneCommand = entries.every(({ command }) => command === first?.command);
  const targets = [...new Set(entries.flatMap(({ target }) => target ?? []))];
  const partly =
    first === undefined || !isOneCommand
      ? undefined
      : partialUndo(registry, prefix, { command: first.command, targets, operation });
  const lines = [
    ...(partly === undefined ? [] : [partly]),
    ...(earlier === undefined ? [] : [`Before it: ${undoLine(prefix, earlier, loss)}`]),
  ];
  return lines.length === 0 ? undefined : lines.join('\n');
}

/** `undo last` after a command that did several things: the line that undoes it, and what can't be undone. */
function severalDone(context: CommandNameContext, last: LastDone): TargetError {
  const { together, operation, loss } = last;
  const { prefix } = context.settings;
  const did =
    operation === undefined
      ? `your last command did ${count(together.length, 'thing')}`
      : `your last command was operation ${operation}, for ${whomOf(together)}`;
  const possible = together.filter((entry) => undoOf(entry) !== undefined);
  const impossible = together.filter((entry) => undoOf(entry) === undefined);
  if (possible.length === 0) {
    return new TargetError(
      'state',
      `${did}, and none of it can be undone`,
      insteadOf(context, together, last),
    );
  }
  const lost = [...Map.groupBy(impossible, (entry) => stepOf(entry) ?? entry.command)].map(
    ([name, entries]) => `${name} (${entries.length})`,
  );
  const others = possible.length - maxNamed;
  return new TargetError(
    'state',
    did,
    [
      ...(operation === undefined
        ? [
            ...possible.slice(0, maxNamed).map((entry) => undoLine(prefix, entry, loss)),
            ...(others > 0 ? [`and ${count(others, 'other')}`] : []),
          ]
        : [
            `\`${prefix}undo --operation ${operation}\` undoes ${lost.length === 0 ? 'all of it' : 'what can be undone'}, after a confirmation.`,
          ]),
      ...(lost.length === 0 ? [] : [`Stays as it is: ${lost.join(', ')}.`]),
      ...(operation === undefined
        ? []
        : [`To undo one action alone, see \`${prefix}audit --operation ${operation}\`.`]),
    ].join('\n'),
  );
}

/** `30 accounts`, or the target if there is only one. */
function whomOf(entries: readonly AuditEntry[]): string {
  const targets = [...new Set(entries.flatMap(({ target }) => target ?? []))];
  const [only] = targets;
  return only === undefined
    ? count(entries.length, 'action')
    : targets.length === 1
      ? `\`${only.replaceAll('`', '’')}\``
      : count(targets.length, 'account');
}
