import { setImmediate as nextTurn } from 'node:timers/promises';

import { undoneBy } from '../../../chat/reading/entry-number.ts';
import type { Store } from '../../../store/store.ts';
import type { AuditEntry } from '../../../store/tables/audit/audit-log.ts';
import type { Parsed } from '../../stages.ts';
import { deedOf, isSamePlace } from './same-deed.ts';
import { endOf, foundDone, isSpent, maxTogether, undoOf } from './undo-of.ts';

/** How many targets are looked up together. */
const targetsAtOnce = 200;

/**
 * Looks up what was done to the target of an entry since the oldest of these entries, the newest first. Targets are
 * looked up together, in the order of the entries: an operation may have 10,000.
 */
export function changesByTarget(
  auditLog: Pick<Store['auditLog'], 'sinceOf'>,
  entries: readonly AuditEntry[],
) {
  const oldest = entries.reduce((least, { id }) => Math.min(least, id), Number.MAX_SAFE_INTEGER);
  const waiting = [...new Set(entries.flatMap(({ target }) => target ?? []))];
  const found = new Map<string, readonly AuditEntry[]>();

  async function readNext(): Promise<void> {
    // SQLite keeps the event loop waiting.
    await nextTurn();
    const targets = waiting.splice(0, targetsAtOnce);
    const changes = (await auditLog.sinceOf(targets, oldest)).filter(isChange);
    const byTarget = Map.groupBy(changes, (change) => change.target);
    targets.forEach((one) => found.set(one, byTarget.get(one) ?? []));
  }

  return async ({ target }: AuditEntry): Promise<readonly AuditEntry[]> => {
    if (target === null) {
      return [];
    }
    let known = found.get(target);
    while (known === undefined && waiting.length > 0) {
      await readNext();
      known = found.get(target);
    }
    return known ?? [];
  };
}

/** The statuses of actions that have changed something, or may have. */
const changing: ReadonlySet<string> = new Set(['done', 'partial', 'open', 'running', 'unknown']);

const isChange = ({ status }: AuditEntry) => changing.has(status);

/** At most this many earlier entries of one target are searched. */
const maxEarlier = 500;

/** The newest changes to the target of an entry before it, the newest first. */
export async function changesBefore(
  auditLog: Pick<Store['auditLog'], 'search'>,
  { id, target }: Pick<AuditEntry, 'id' | 'target'>,
): Promise<AuditEntry[]> {
  const found =
    target === null ? [] : await auditLog.search({ target, before: id, limit: maxEarlier });
  return found.filter(isChange);
}

/** All changes to a target since an entry, the newest first. */
async function changesSince(
  auditLog: Pick<Store['auditLog'], 'inOrder'>,
  target: string,
  since: number,
): Promise<AuditEntry[]> {
  const found = await auditLog.inOrder({ target }, since, maxTogether);
  return found.filter(isChange).reverse();
}

/**
 * The newest entry after which a reversal would undo something other than what was asked for. A change that
 * was itself taken back does not count, so that several actions can be undone one after another.
 */
export function changedSince(
  entry: AuditEntry,
  /** The name of the command that takes the entry back. */
  command: string,
  changes: readonly AuditEntry[],
): AuditEntry | undefined {
  const line = undoOf(entry);
  const newer = changes.filter(({ id, eventId }) => id > entry.id && eventId !== entry.eventId);
  const undoing = newer.filter(
    ({ status, reason }) => status === 'done' && (undoneBy(reason) ?? 0) > entry.id,
  );
  const cancelled = new Set(undoing.flatMap(({ id, reason }) => [id, undoneBy(reason)]));
  // A command may do the same as a step of another one: both quarantine, for example.
  const isSame = (one: AuditEntry) =>
    one.command === command ||
    deedOf(one) === deedOf(entry) ||
    (line !== undefined && undoOf(one) === line);
  // The rest of it can be taken back all the same.
  const isPartOfIt = ({ status, reason }: AuditEntry) =>
    status === 'partial' && undoneBy(reason) === entry.id;
  return newer.find(
    (one) =>
      isSamePlace(one, entry) &&
      isSame(one) &&
      !cancelled.has(one.id) &&
      !isPartOfIt(one) &&
      !isByRuleInVain(one) &&
      !isSpent(one, newer, cancelled),
  );
}

/** Whether a rule found done what it was to do: it changes nothing of what somebody has decided. */
function isByRuleInVain(entry: AuditEntry): boolean {
  return entry.actor.startsWith('rule:') && foundDone(entry);
}

export function whyStays(entry: AuditEntry, newer: AuditEntry): string {
  const { id, command, actor, reason, status } = newer;
  const isTakenBack = undoneBy(reason) === entry.id;
  if (status === 'done' || status === 'partial') {
    return isTakenBack
      ? `was already taken back by #${id}`
      : `was changed since: #${id}, ${command} by ${actor}`;
  }
  return isTakenBack
    ? `may already be taken back by #${id}, which is ${status}`
    : `may be changed since: #${id}, ${command} by ${actor}, is ${status}`;
}

/**
 * Why a reversal is not begun any more: somebody has changed the same thing since it was asked for. The
 * rest of a sentence; undefined if nobody has, or if it takes nothing back.
 */
export async function whyChanged(
  auditLog: Pick<Store['auditLog'], 'get' | 'inOrder'>,
  { command, invocation }: Pick<Parsed, 'command' | 'invocation'>,
): Promise<string | undefined> {
  const entry = await auditLog.get(undoneBy(invocation.reason ?? null) ?? 0);
  return entry === undefined || entry.target === null
    ? undefined
    : whyChangedFor(auditLog, entry, entry.target, {
        command: command.name,
        except: invocation.origin.event,
      });
}

/**
 * Why what an entry did is not taken back: somebody has done the same since to this target, such as to all files of who
 * has uploaded one. The rest of a sentence; undefined if nobody has.
 *
 * @param how.command the name of the command that takes it back
 * @param how.except the event of that command
 */
export async function whyChangedFor(
  auditLog: Pick<Store['auditLog'], 'inOrder'>,
  entry: AuditEntry,
  target: string,
  how: { readonly command: string; readonly except: string },
): Promise<string | undefined> {
  const changes = await changesSince(auditLog, target, entry.id);
  const others = changes.filter(({ eventId }) => eventId !== how.except);
  const newer = changedSince(entry, how.command, others);
  return newer && whyStays(entry, newer);
}

/**
 * The entries, of several, that a timer would still end: nobody is known to have changed since what they did.
 *
 * @param except the event of a command whose entries don't count
 */
export async function inForce(
  auditLog: Pick<Store['auditLog'], 'sinceOf'>,
  entries: readonly AuditEntry[],
  except?: string,
): Promise<AuditEntry[]> {
  const changesOf = changesByTarget(auditLog, entries);
  const found: AuditEntry[] = [];
  for (const entry of entries) {
    const line = endOf(entry);
    const changes = line === undefined ? [] : await changesOf(entry);
    const known = changes.filter(
      ({ eventId, status }) => eventId !== except && (status === 'done' || status === 'partial'),
    );
    const command = line?.split(' ', 1)[0];
    if (command !== undefined && changedSince(entry, command, known) === undefined) {
      found.push(entry);
    }
  }
  return found;
}
