import { ago } from '../../../chat/answers/phrases.ts';
import { undoneBy } from '../../../chat/reading/entry-number.ts';
import { TargetError } from '../../../core/errors.ts';
import type { Store } from '../../../store/store.ts';
import { stepOf } from '../../../store/tables/audit/audit-log.ts';
import type { AuditEntry } from '../../../store/tables/audit/audit-log.ts';
import { isLostNumber } from '../../../store/tables/data-loss.ts';
import type { Settings } from '../../settings.ts';
import type { CommandNameContext } from '../command-line.ts';
import { asGiven, deedOf, isSamePlace } from './same-deed.ts';
import { described, undoCommand } from './undo-line.ts';
import { foundDone, isSpent, maxTogether, undoOf } from './undo-of.ts';

/** What finding out whether an action may be undone needs. */
export interface UndoContext extends Pick<CommandNameContext, 'registry'> {
  readonly store: Pick<Store, 'auditLog' | 'dataLoss'>;
  readonly settings: Pick<Settings, 'prefix'>;
}

/**
 * Makes sure that the number of an entry stands for one action in this room: after a loss of the database,
 * a second action may have been given the same number.
 *
 * @throws TargetError it stands for two
 */
export async function assertOnlyOne(
  { store, settings: { prefix }, now }: UndoContext & { now(): number },
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
export async function assertNewest(
  { store, registry, settings: { prefix } }: UndoContext,
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
