import { subjectOf } from '../../chat/command/declaration.ts';
import type { Reconciliation } from '../../chat/command/declaration.ts';
import { TargetError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { Account } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import type { AuditEntry } from '../../store/tables/audit-log.ts';
import type { Execution } from '../../store/tables/executions.ts';
import { postOutcome } from '../answer/reply.ts';
import type { DeliverContext } from '../answer/reply.ts';
import { correctDecision } from '../confirm/decide.ts';
import type { Settings } from '../settings.ts';
import { commandContextFor, parsedOf, targetsOf } from '../stages.ts';
import type { CommandContextParts } from '../stages.ts';
import { outcomeOf, waitingAbout } from './execute.ts';
import { outcomeReply } from './outcome.ts';
import type { Attempt, OutcomeContext } from './outcome.ts';
import { reconcile, reconciledAttempt } from './reconcile.ts';
import type { InFlight, ReconcileContext } from './reconcile.ts';
import { resolveItem } from './resolve-item.ts';
import { updateTimers } from './timers.ts';

interface ReconcileEntryContext extends CommandContextParts {
  readonly log: Pick<Log, 'warn'>;
}

type RecoverOneContext = ReconcileEntryContext &
  ReconcileContext &
  OutcomeContext &
  DeliverContext & {
    readonly store: Pick<Store, 'auditLog'>;
    readonly settings: Pick<Settings, 'managementRoom'>;
    wakeReports(): void;
    wakeTimers(): void;
  };

type RecoverIfOpenContext = RecoverOneContext & {
  readonly store: Pick<Store, 'executions'>;
  readonly log: Pick<Log, 'error'>;
};

/** What recovery needs. */
export type RecoverContext = RecoverIfOpenContext & { readonly inFlight: InFlight };

/**
 * Ends the operations that a crash or an unreachable homeserver interrupted: asks the homeserver what
 * happened, records it, and tells the room. Never does anything a second time.
 */
export async function recover(context: RecoverContext): Promise<void> {
  for (const { eventId } of await context.store.executions.open()) {
    if (!context.inFlight.has(eventId)) {
      context.inFlight.add(eventId);
      await recoverIfOpen(context, eventId).finally(() => context.inFlight.remove(eventId));
    }
  }
}

/** While another was recovered, an operation of this process that was in flight may have ended. */
async function recoverIfOpen(context: RecoverIfOpenContext, eventId: string): Promise<void> {
  const open = await context.store.executions.open();
  const execution = open.find((one) => one.eventId === eventId);
  if (execution === undefined) {
    return;
  }
  try {
    await recoverOne(context, execution);
  } catch (error) {
    // For example, its command no longer exists. That must not stop the others, or the start.
    context.log.error({ event: eventId, err: error }, 'an operation could not be recovered');
  }
}

async function recoverOne(context: RecoverOneContext, execution: Execution): Promise<void> {
  const parsed = parsedOf(context, {
    ...execution,
    command: (JSON.parse(execution.invocation) as { command: string }).command,
  });
  const entries = await context.store.auditLog.search({
    eventId: execution.eventId,
    limit: 10_000,
  });
  const attempts: Attempt[] = [];
  for (const entry of entries.reverse()) {
    attempts.push(await reconcileEntry(context, parsed, entry));
  }
  const started = new Set(entries.map(({ target }) => target));
  for (const target of targetsOf(parsed)) {
    if (!started.has(target)) {
      // No intent was committed, so no call was made.
      attempts.push({ target, audit: undefined, status: 'failed' });
    }
  }
  const operation = {
    ...parsed,
    confirmer: (execution.confirmer ?? undefined) as UserId | undefined,
  };
  const isStillOpen = attempts.some(({ isOpen }) => isOpen === true);
  const isNews = attempts.some(
    ({ audit, status }) => entries.find(({ id }) => id === audit)?.status !== status,
  );
  if (isStillOpen && !isNews) {
    return;
  }
  const part = isStillOpen ? 'unknown' : 'reconciled';
  const decision = await context.store.transaction(async (tables) => {
    for (const [at, attempt] of attempts.entries()) {
      const before = entries.find(({ id }) => id === attempt.audit);
      if (before !== undefined && before.status !== attempt.status) {
        await tables.auditLog.finish(before.id, reconciledOutcome(attempt, before), context.now());
        attempts[at] = { ...attempt, ...(await updateTimers(context, tables, operation, attempt)) };
      }
    }
    const { item, origin } = parsed.invocation;
    if (item !== undefined) {
      await resolveItem(tables, item, operation, attempts, context.now());
    }
    const waiting = await waitingAbout(tables, operation, attempts);
    const reply = outcomeReply(context, operation, attempts, waiting);
    await postOutcome(context, tables, origin, reply, part);
    if (isStillOpen) {
      return undefined;
    }
    await tables.executions.finish(execution.eventId, context.now());
    return correctDecision(context, tables, execution.eventId, reply);
  });
  context.deliver(execution.eventId);
  context.wakeReports();
  context.wakeTimers();
  if (decision !== undefined) {
    context.deliver(decision);
  }
  if (!isStillOpen) {
    entries.forEach(({ id }) => context.reconcileTimes.forget(id));
  }
}

/** An attempt that was not done keeps the reason why its end was not seen. */
function reconciledOutcome(attempt: Attempt, before: AuditEntry): ReturnType<typeof outcomeOf> {
  const outcome = outcomeOf(attempt);
  if (attempt.status !== 'failed' || typeof before.detail !== 'object') {
    return outcome;
  }
  const { took_ms: _tookMs, ...reason } = (before.detail ?? {}) as Record<string, unknown>;
  return { ...outcome, detail: { ...reason, ...outcome.detail } };
}

/** Part of an operation that had started may have been done. */
const givenUp = new TargetError(
  'state',
  'the homeserver gave up on it',
  'Part of it may have been done. Check before you retry.',
);

async function reconcileEntry(
  context: ReconcileEntryContext & ReconcileContext,
  parsed: ReturnType<typeof parsedOf>,
  entry: AuditEntry,
): Promise<Attempt> {
  const known = { target: entry.target ?? undefined, audit: entry.id };
  if (entry.status === 'done' || entry.status === 'failed' || entry.status === 'partial') {
    return { ...known, status: entry.status };
  }
  const commandContext = commandContextFor(
    context,
    { ...parsed, role: 'viewer' },
    accountOf(parsed, entry),
  );
  const reconciliation = await reconcile(context.log, parsed.command, commandContext);
  return {
    ...known,
    ...(entry.status === 'running'
      ? ranOn(reconciliation)
      : reconciledAttempt(context, reconciliation, entry.id)),
  };
}

/** An operation that was seen running goes on until it is known to have ended. */
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

/** To reconcile a call, its target's name is enough: the account as it was before is not stored. */
function accountOf(
  { command }: ReturnType<typeof parsedOf>,
  entry: AuditEntry,
): Account | undefined {
  return subjectOf(command) === undefined || entry.target === null
    ? undefined
    : ({ name: entry.target, displayname: null } as Account);
}
