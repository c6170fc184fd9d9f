import { subjectOf } from '../../chat/command/declaration.ts';
import type { Reconciliation } from '../../chat/command/declaration.ts';
import { TargetError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Account } from '../../services/services.ts';
import type { AuditEntry } from '../../store/tables/audit-log.ts';
import type { Execution } from '../../store/tables/executions.ts';
import { targetsOf } from '../authorize/targets.ts';
import { correctDecision } from '../confirm/decide.ts';
import { parsedOf } from '../confirm/find-confirmation.ts';
import { contextFor } from '../context.ts';
import type { House } from '../house.ts';
import type { Attempt } from './attempt.ts';
import { outcomeOf, postOutcome } from './execute.ts';
import { outcomeReply } from './outcome.ts';
import { reconcile, reconciledAttempt } from './reconcile.ts';
import { resolveItem, waitingAbout } from './resolve-item.ts';
import { updateTimers } from './reversal.ts';

/**
 * Ends the work that a crash or an absent homeserver left open: asks the homeserver what happened,
 * writes it down, and tells the room. Never does anything a second time.
 */
export async function recover(house: House): Promise<void> {
  for (const { eventId } of await house.store.executions.open()) {
    if (!house.inFlight.has(eventId)) {
      house.inFlight.add(eventId);
      await recoverIfOpen(house, eventId).finally(() => house.inFlight.delete(eventId));
    }
  }
}

/** While one was recovered, this process may have ended another that it had under way itself. */
async function recoverIfOpen(house: House, eventId: string): Promise<void> {
  const open = await house.store.executions.open();
  const execution = open.find((one) => one.eventId === eventId);
  if (execution === undefined) {
    return;
  }
  try {
    await recoverOne(house, execution);
  } catch (error) {
    // Of a command that is no more, say: it must not keep the others, or the start, from going on.
    house.log.error({ event: eventId, err: error }, 'work could not be settled');
  }
}

async function recoverOne(house: House, execution: Execution): Promise<void> {
  const parsed = parsedOf(house, {
    ...execution,
    command: (JSON.parse(execution.invocation) as { command: string }).command,
  });
  const entries = await house.store.auditLog.search({ eventId: execution.eventId, limit: 10_000 });
  const attempts: Attempt[] = [];
  for (const entry of entries.reverse()) {
    attempts.push(await reconcileEntry(house, parsed, entry));
  }
  const begun = new Set(entries.map(({ target }) => target));
  for (const target of targetsOf(parsed)) {
    if (!begun.has(target)) {
      // No intent was committed, so no call went out.
      attempts.push({ target, audit: undefined, status: 'failed' });
    }
  }
  const work = { ...parsed, confirmer: (execution.confirmer ?? undefined) as UserId | undefined };
  const isStillOpen = attempts.some(({ isOpen }) => isOpen === true);
  const isNews = attempts.some(
    ({ audit, status }) => entries.find(({ id }) => id === audit)?.status !== status,
  );
  if (isStillOpen && !isNews) {
    return;
  }
  const stage = isStillOpen ? 'unknown' : 'reconciled';
  const decision = await house.store.transaction(async (tables) => {
    for (const [at, attempt] of attempts.entries()) {
      const before = entries.find(({ id }) => id === attempt.audit);
      if (before !== undefined && before.status !== attempt.status) {
        await tables.auditLog.finish(before.id, reconciledOutcome(attempt, before), house.now());
        attempts[at] = { ...attempt, ...(await updateTimers(house, tables, work, attempt)) };
      }
    }
    await resolveItem(house, tables, work, attempts);
    const waiting = await waitingAbout(tables, work, attempts);
    const reply = outcomeReply(house, work, attempts, waiting);
    await postOutcome(house, tables, work, reply, stage);
    if (isStillOpen) {
      return undefined;
    }
    await tables.executions.finish(execution.eventId, house.now());
    return correctDecision(house, tables, execution.eventId, reply);
  });
  house.deliver(execution.eventId);
  house.wakeReports();
  house.wakeTimers();
  if (decision !== undefined) {
    house.deliver(decision);
  }
  if (!isStillOpen) {
    entries.forEach(({ id }) => house.seenNotDone.delete(id));
  }
}

/** What was not done keeps the reason why its end was not seen. */
function reconciledOutcome(attempt: Attempt, before: AuditEntry): ReturnType<typeof outcomeOf> {
  const outcome = outcomeOf(attempt);
  if (attempt.status !== 'failed' || typeof before.detail !== 'object') {
    return outcome;
  }
  const { took_ms: _tookMs, ...reason } = (before.detail ?? {}) as Record<string, unknown>;
  return { ...outcome, detail: { ...reason, ...outcome.detail } };
}

/** Of work that had begun, some may have been done. */
const givenUp = new TargetError(
  'state',
  'the homeserver gave up on it',
  'Some of it may have been done: look before you send it again.',
);

async function reconcileEntry(
  house: House,
  parsed: ReturnType<typeof parsedOf>,
  entry: AuditEntry,
): Promise<Attempt> {
  const known = { target: entry.target ?? undefined, audit: entry.id };
  if (entry.status === 'done' || entry.status === 'failed' || entry.status === 'partial') {
    return { ...known, status: entry.status };
  }
  const context = contextFor(house, { ...parsed, role: 'viewer' }, accountOf(parsed, entry));
  const reconciliation = await reconcile(house, parsed.command, context);
  return {
    ...known,
    ...(entry.status === 'running'
      ? ranOn(reconciliation)
      : reconciledAttempt(house, reconciliation, entry.id)),
  };
}

/** Work that was seen running goes on until it is known to have ended. */
function ranOn(reconciliation: Reconciliation): Pick<Attempt, 'status' | 'isOpen' | 'error'> {
  switch (reconciliation) {
    case 'done':
      return { status: 'done' };
    case 'not_done':
      return { status: 'failed', error: givenUp };
    case 'unknown':
      return { status: 'running', isOpen: true };
    case 'unknowable':
      return { status: 'unknown' };
  }
}

/** A call is settled by its target's name: the account as it was before is gone. */
function accountOf(
  { command }: ReturnType<typeof parsedOf>,
  entry: AuditEntry,
): Account | undefined {
  return subjectOf(command) === undefined || entry.target === null
    ? undefined
    : ({ name: entry.target, displayname: null } as Account);
}
