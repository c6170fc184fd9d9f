import { ago, count } from '../../chat/answers/phrases.ts';
import type { Command } from '../../chat/command/declaration.ts';
import type { LastUndo } from '../../chat/command/invocation.ts';
import { takesOn } from '../../chat/command/on-homeserver.ts';
import { partialUndo } from '../../chat/command/partial-undo.ts';
import { canChange } from '../../chat/command/properties.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import { writeValue } from '../../chat/command/write-invocation.ts';
import { entryNumber, isLast, reasonOfUndo, undoneBy } from '../../chat/reading/entry-number.ts';
import { quote, tokenize } from '../../chat/reading/tokenize.ts';
import { dayMs } from '../../core/duration.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import { stepOf } from '../../store/tables/audit/audit-log.ts';
import type { AuditEntry } from '../../store/tables/audit/audit-log.ts';
import { isLostNumber } from '../../store/tables/data-loss.ts';
import type { DataLoss } from '../../store/tables/data-loss.ts';
import { formerFirst } from '../at-homeserver.ts';
import type { Message } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import { commandNamed, readingContext } from './command-line.ts';
import type { CommandNameContext, ReadingSettings } from './command-line.ts';
import { deedOf, isSamePlace, asGiven } from './same-deed.ts';

/** The command line of the next page of the last list that each person has asked for. */
export interface NextPages {
  of(user: UserId): string | undefined;
  remember(user: UserId, line: string): void;
  forget(user: UserId): void;
}

export function createNextPages(): NextPages {
  const lines = new Map<UserId, string>();
  return {
    of: (user) => lines.get(user),
    remember(user, line) {
      lines.set(user, line);
    },
    forget(user) {
      lines.delete(user);
    },
  };
}

interface UndoContext {
  readonly store: Pick<Store, 'auditLog' | 'dataLoss' | 'operations'>;
  readonly settings: Pick<Settings, 'prefix'>;
  now(): number;
}

export type ExpandContext = UndoContext &
  CommandNameContext &
  ReadingSettings & {
    readonly nextPages: Pick<NextPages, 'of'>;
  };

/** Whether a command stands for another command line. */
export function isShorthand({ name }: Pick<Command, 'name'>): boolean {
  return name === 'more' || name === 'undo';
}

/**
 * The command line that `more` or `undo` stands for; the line itself if it stands for no other.
 *
 * @returns `lastUndo`: what `undo last` takes back
 *
 * @throws TargetError `undo` can't undo that
 */
export async function expand(
  context: ExpandContext,
  message: Pick<Message, 'sender'>,
  line: string,
): Promise<{ readonly line: string; readonly lastUndo?: LastUndo }> {
  const command = commandNamed(context, line);
  if (command.name === 'more') {
    return { line: context.nextPages.of(message.sender) ?? line };
  }
  const read = readArguments(command, tokenize(line).slice(1), readingContext(context));
  const { values, reason, dryRun, notBefore } = read;
  if (values['operation'] !== undefined) {
    // It is a command of its own: see `undo-operation.ts`.
    return { line };
  }
  const wanted = String(values['entry']);
  const last = isLast(wanted) ? await lastActionOf(context, message.sender) : undefined;
  const entry = last ?? (await context.store.auditLog.get(entryNumber(wanted) ?? 0));
  const undo = entry === undefined ? undefined : undoOf(entry);
  if (undo === undefined || entry === undefined) {
    return { line };
  }
  if (last === undefined) {
    await assertOnlyOne(context, entry, undo);
  }
  const undoing = commandNamed(context, undo);
  const { values: undoes, on } = readArguments(
    undoing,
    tokenize(undo).slice(1),
    readingContext(context),
  );
  await assertNewest(context, entry, { command: undoing.name, values: undoes });
  const former = formerFirst(context.settings);
  const isAtFormer = on === undefined && former !== undefined && takesOn(undoing);
  const expanded = [
    `${undo}${isAtFormer ? ` --on=${former}` : ''} --reason=${quote(reasonOfUndo(entry.id, reason))}`,
    ...(notBefore === undefined ? [] : [`--at=${writeValue('date', notBefore)}`]),
    ...(dryRun ? ['--dry-run'] : []),
  ].join(' ');
  if (last === undefined) {
    return { line: expanded };
  }
  const { id, command: name, skipped } = last;
  return { line: expanded, lastUndo: { entry: id, command: name, skipped } };
}

/** An older action is not taken for the "last" one without asking. */
const maxAgoMs = dayMs;
/** At most this many audit entries are searched. */
const maxSearched = 100;
/** One operation has at most this many audit entries: 10,000 accounts, and the steps of a takedown for each. */
export const maxTogether = 100_000;
/** At most this many entries of one command are named. */
const maxNamed = 3;

/** The command line that undoes an action, if the action was done, at least in part, and can be undone. */
export function undoOf({
  status,
  detail,
}: Pick<AuditEntry, 'status' | 'detail'>): string | undefined {
  return (status === 'done' || status === 'partial') &&
    typeof detail === 'object' &&
    detail !== null &&
    'undo' in detail &&
    typeof detail.undo === 'string'
    ? detail.undo
    : undefined;
}

/** Whether an action had nothing to do, because everything was done already. */
export function foundDone({ status, detail }: Pick<AuditEntry, 'status' | 'detail'>): boolean {
  return (
    status === 'done' &&
    typeof detail === 'object' &&
    detail !== null &&
    'was_so' in detail &&
    detail.was_so === true
  );
}

/**
 * Whether an entry changed nothing that its operation could take back, and the rest of that operation is
 * taken back.
 *
 * @param others what else was done to the same target
 * @param takenBack the numbers of the entries that were taken back
 */
export function isSpent(
  entry: AuditEntry,
  others: readonly AuditEntry[],
  takenBack: ReadonlySet<number | undefined>,
): boolean {
  if (undoOf(entry) !== undefined) {
    return false;
  }
  const siblings = others.filter(
    (other) => other.eventId === entry.eventId && undoOf(other) !== undefined,
  );
  return siblings.length > 0 && siblings.every(({ id }) => takenBack.has(id));
}

/**
 * The newest action of a person that is not undone yet. Actions that undo another one don't count, so that
 * a second `undo last` goes on to the action before; `skipped` names them.
 *
 * @throws TargetError there is no such action; or it is not clear which one is meant, because the newest
 * can't be undone, was one of several, or is long ago
 */
export async function lastActionOf(
  context: UndoContext & CommandNameContext & ReadingSettings,
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
  context: UndoContext & CommandNameContext & ReadingSettings,
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

/** `shadow-ban \`@mallory:example.com\`` */
function described({ command, target }: AuditEntry): string {
  return `${command}${target === null ? '' : ` \`${target.replaceAll('`', '’')}\``}`;
}

/** The line that undoes an entry, and what that is. */
function undoLine(prefix: string, entry: AuditEntry, loss: DataLoss | undefined): string {
  return `\`${prefix}${undoCommand(entry, loss)}\`: ${described(entry)}`;
}

/** `undo 12`; the command that it stands for, if the number stands for two actions in this room. */
function undoCommand(entry: AuditEntry, loss: DataLoss | undefined): string {
  const byNumber = `undo ${entry.id}`;
  return isLostNumber(loss, entry.id) ? (undoOf(entry) ?? byNumber) : byNumber;
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

/**
 * Makes sure that the number of an entry stands for one action in this room: after a loss of the database,
 * a second action may have been given the same number.
 *
 * @throws TargetError it stands for two
 */
async function assertOnlyOne(
  { store, settings: { prefix }, now }: ExpandContext,
  entry: AuditEntry,
  undo: string,
): Promise<void> {
  if (isLostNumber(await store.dataLoss.get(), entry.id)) {
    throw new TargetError(
      'state',
      `#${entry.id} stands for two actions in this room: my database was restored or lost in between`,
      [
        `I only know the newer one: ${described(entry)} by \`${entry.actor.replaceAll('`', '’')}\`, ${ago(entry.at, now())}. To undo it: \`${prefix}${undo}\``,
        'To undo the older one, send the command that reverses it. Its answer in this room says what was done.',
      ].join('\n'),
    );
  }
}

/**
 * Makes sure that undoing an old action does not undo a newer decision.
 *
 * @param undoing the command that undoes the entry
 * @throws TargetError the same was done again since, or the action is already undone
 */
async function assertNewest(
  {
    store,
    registry,
    settings: { prefix },
  }: Pick<UndoContext, 'settings' | 'store'> & Pick<CommandNameContext, 'registry'>,
  entry: AuditEntry,
  undoing: { readonly command: string; readonly values: Readonly<Record<string, unknown>> },
): Promise<void> {
  const undo = undoOf(entry);
  const since = async (command: string, values: unknown) => {
    const target = entry.target ?? undefined;
    const found = await store.auditLog.inOrder(
      { target, command, status: 'done' },
      entry.id,
      maxTogether,
    );
    return found
      .filter(
        (one) =>
          isSamePlace(one, entry) &&
          // Of secrets, the log doesn't know whether they are the same.
          (undoneBy(one.reason) === entry.id ||
            JSON.stringify(asGiven(one.arguments)) === JSON.stringify(asGiven(values))),
      )
      .reverse();
  };
  const undone = await since(undoing.command, undoing.values);
  // Undoing something else is not the same action: another token made with the same flags, for example.
  const again = (await since(entry.command, entry.arguments)).find(
    (one) =>
      undoneBy(one.reason) !== entry.id &&
      (undoOf(one) ?? undo) === undo &&
      // Of several steps, those that found something done are part of a newer decision.
      !(foundDone(one) && stepOf(one) === undefined),
  );
  const asStep = await sameAsStep(store, entry);
  const changed = await changedAgain(store, entry, registry.find(entry.command)?.changes);
  const newest = [again, asStep, changed].reduce((one, other) =>
    (other?.id ?? 0) > (one?.id ?? 0) ? other : one,
  );
  const [back] = undone;
  const name = `#${entry.id} (${entry.command})`;
  if (newest !== undefined && newest.id > (back?.id ?? 0)) {
    const first = undone.at(-1);
    throw new TargetError(
      'state',
      first === undefined
        ? `${name} is not the newest: #${newest.id} (${newest.command}) came after it`
        : `${name} was undone by #${first.id}, and #${newest.id} (${newest.command}) came after it`,
      undoOf(newest) === undefined
        ? `To undo the current state: \`${prefix}${undo ?? ''}\``
        : `To undo the newest: \`${prefix}${undoCommand(newest, await store.dataLoss.get())}\``,
    );
  }
  if (back !== undefined) {
    throw new TargetError('state', `${name} was already undone by #${back.id} (${back.command})`);
  }
}

/**
 * The newest later entry of the same command that changed the same, in another way, and was not taken back.
 *
 * @param changes the arguments that say what it changes; undefined if all do
 */
async function changedAgain(
  { auditLog }: Pick<Store, 'auditLog'>,
  { id, command, target, arguments: given }: AuditEntry,
  changes: readonly string[] | undefined,
): Promise<AuditEntry | undefined> {
  if (changes === undefined || target === null) {
    return undefined;
  }
  const what = (all: unknown) =>
    JSON.stringify(
      changes.map((name) => (all as Readonly<Record<string, unknown>> | null)?.[name]),
    );
  const later = await auditLog.inOrder({ target, command, status: 'done' }, id, maxTogether);
  const same = later.filter((one) => what(one.arguments) === what(given));
  const takenBack = new Set(same.map(({ reason }) => undoneBy(reason)));
  return same.findLast(
    (one) =>
      undoOf(one) !== undefined && undoneBy(one.reason) === undefined && !takenBack.has(one.id),
  );
}

/** The newest later entry that did the same to the same target, if either was a step of a command. */
async function sameAsStep(
  { auditLog }: Pick<Store, 'auditLog'>,
  entry: AuditEntry,
): Promise<AuditEntry | undefined> {
  const { target } = entry;
  if (target === null) {
    return undefined;
  }
  const later = await auditLog.inOrder({ target, status: 'done' }, entry.id, maxTogether);
  later.reverse();
  const takenBack = new Set(later.map(({ reason }) => undoneBy(reason)));
  const step = stepOf(entry);
  return later.find(
    (one) =>
      (step ?? stepOf(one)) !== undefined &&
      deedOf(one) === deedOf(entry) &&
      isSamePlace(one, entry) &&
      !isSpent(one, later, takenBack),
  );
}
