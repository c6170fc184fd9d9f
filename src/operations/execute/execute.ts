import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { createBackoff } from '../../core/async/backoff.ts';
import { StoreError, StoreUnavailableError, UnrecordedError, codeOf } from '../../core/errors.ts';
import type { EventId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { StoreTables } from '../../store/store.ts';
import { refusalReply } from '../answer/refusal.ts';
import { post } from '../answer/reply.ts';
import type { DeliverContext, Outgoing, Reply, SayNow } from '../answer/reply.ts';
import type { NextPages } from '../parse/expand.ts';
import { commandContextsFor, intentFor } from '../stages.ts';
import { advance, eventOf } from './advance.ts';
import type { AdvanceContext } from './advance.ts';
import { attemptRead, logFault, outcomeOf } from './attempt.ts';
import { progressOf } from './operation-field.ts';
import type { Attempt, Confirmed, RunningOperation } from './operation.ts';
import { outcomeReply } from './outcome.ts';
import type { InFlight } from './reconcile.ts';
import { pausedReply, runningReply, showRunning, timeLeftMs } from './running.ts';
import { isWaiting, serversWaitedFor } from './waiting.ts';
import type { Waiting } from './waiting.ts';

/** What takes longer than this is shown as running, and nothing waits for it any more. */
const quickMs = 2000;
/**
 * How long after one showing of its progress the next one comes. Each is an event that stays in the room for
 * ever, and takes the homeserver time that the operation needs: the longer it runs, the rarer they are.
 */
const progressIntervals = { firstMs: 3000, maxMs: 12_000 };

/** What executing needs. */
export type ExecuteContext = AdvanceContext &
  DeliverContext & {
    readonly nextPages: NextPages;
    readonly inFlight: InFlight;
    readonly waiting: Pick<Waiting, 'add' | 'remove'>;
    readonly log: Pick<Log, 'error' | 'warn'>;
    /** For what goes wrong when nobody waits for it any more. */
    readonly sayNow: SayNow;
    /** A timer was set. */
    wakeTimers(): void;
    /** A report has changed. */
    wakeReports(): void;
  };

/**
 * Does what was asked. What takes a long time goes on in the background, after its answer shows that it
 * runs.
 *
 * @returns how it has ended, or that it runs
 * @throws StoreError, UnrecordedError the database failed
 */
export async function execute(context: ExecuteContext, confirmed: Confirmed): Promise<Reply> {
  return confirmed.operation === undefined
    ? read(context, confirmed)
    : carryOut(context, confirmed.operation);
}

/** Carries out an operation that runs, and keeps its answer in the room up to date. */
export async function carryOut(
  context: ExecuteContext,
  operation: RunningOperation,
): Promise<Reply> {
  const event = eventOf(operation);
  const slow = Promise.withResolvers<Reply>();
  // What is only reconciled has an answer that says so.
  const isNew = operation.units.some(
    ({ attempt, leftOut, wasBegun }) => attempt === undefined && leftOut === undefined && !wasBegun,
  );
  let shown = -1;
  let shownWaits = 0;
  const intervals = createBackoff(progressIntervals);
  let nextMs = intervals.next();
  let waitsForOutcome = false;
  const show = async () => {
    const { ended: count } = progressOf(operation);
    // The outcome comes before the next showing, if nothing takes longer than what was done so far.
    const isAlmostOver = shown >= 0 && timeLeftMs(operation, context.now()) < nextMs;
    waitsForOutcome = isAlmostOver && !waitsForOutcome;
    const { size: waits } = operation.waitsFor;
    if (isNew && (count !== shown || waits !== shownWaits) && !waitsForOutcome) {
      shown = count;
      shownWaits = waits;
      context.waiting.remove(operation.id);
      await showRunning(context, operation);
    }
    slow.resolve(runningReply(context, operation));
  };
  const onFailure = (error: unknown) => {
    context.log.warn({ code: codeOf(error) }, 'could not say that an operation is running');
    slow.resolve(runningReply(context, operation));
  };
  let showing: NodeJS.Timeout | undefined;
  const showAfter = (ms: number) => {
    showing = setTimeout(() => {
      showAfter(nextMs);
      show().catch(onFailure);
      nextMs = intervals.next();
    }, ms).unref();
  };
  showAfter(quickMs);

  let isAwaited = true;
  let decision: EventId | undefined;
  const ended = (async () => {
    try {
      const progress = await advance(context, operation);
      decision = progress.decision;
      if (progress.reply === undefined && isWaiting(operation) && !context.stopping.aborted) {
        await showWaiting(context, operation).catch(onFailure);
      } else {
        context.waiting.remove(operation.id);
      }
      return progress.reply ?? runningReply(context, operation);
    } catch (error) {
      if (error instanceof StoreError) {
        context.recoverAt(context.now() + goOnAfterMs);
      }
      throw begun(error);
    } finally {
      clearTimeout(showing);
      context.inFlight.remove(event);
      context.deliver(event);
      if (decision !== undefined) {
        context.deliver(decision);
      }
      if (operation.invocation.forMs !== undefined) {
        context.wakeTimers();
      }
      if (operation.invocation.item !== undefined) {
        context.wakeReports();
      }
      if (operation.units.some(({ attempt }) => attempt?.isOpen === true)) {
        context.recoverAt(context.now() + nextLookMs(context, operation));
      }
    }
  })();
  ended.catch((error: unknown) => {
    if (!isAwaited) {
      void sayFailure(context, operation, error);
    }
  });
  try {
    return await Promise.race([ended, slow.promise]);
  } finally {
    isAwaited = false;
  }
}

/** Shows what an operation waits for, unless it has waited for it before. */
async function showWaiting(context: ExecuteContext, operation: RunningOperation): Promise<void> {
  const { ended } = progressOf(operation);
  if (context.waiting.add(operation.id, serversWaitedFor(operation), ended)) {
    await showRunning(context, operation);
  }
}

/** After this long, an operation that the database could not record goes on. */
const goOnAfterMs = 10_000;

/** Some of the operation may be done, whatever could not be recorded. */
function begun(error: unknown): unknown {
  return error instanceof StoreError && !(error instanceof UnrecordedError)
    ? new UnrecordedError(
        `it was begun, and then ${error.message}`,
        'I will go on when I can write again, and post the result here. Check before you retry.',
      )
    : error;
}

/** How soon a server job is looked at again. */
const serverJobLookMs = 3000;

function nextLookMs(
  { settings }: { readonly settings: { readonly reconcileAfterMs: number } },
  { units }: RunningOperation,
): number {
  const isRunning = units.some(({ attempt }) => attempt?.status === 'running');
  return isRunning
    ? Math.min(serverJobLookMs, settings.reconcileAfterMs)
    : settings.reconcileAfterMs;
}

/**
 * Tells the room what went wrong with an operation that nobody waits for any more. If only the database failed, it goes
 * on later: its answer says so until then.
 */
async function sayFailure(
  context: ExecuteContext,
  operation: RunningOperation,
  error: unknown,
): Promise<void> {
  const { name } = operation.command;
  logFault(context.log, name, error);
  const { origin } = operation.invocation;
  const outgoing: Outgoing =
    error instanceof StoreError
      ? { kind: 'edit', origin, reply: pausedReply(context, operation, error) }
      : { kind: 'reply', origin, reply: refusalReply(context, name, error) };
  await context.sayNow(outgoing).catch((sendError: unknown) => {
    context.log.error({ command: name, code: codeOf(sendError) }, 'the answer could not be sent');
  });
}

/**
 * Answers what changes nothing: no operation is stored. An audited read is recorded with its answer.
 *
 * @throws StoreUnavailableError, UnrecordedError it can be tried again later: a decision is made once
 */
async function read(context: ExecuteContext, confirmed: Confirmed): Promise<Reply> {
  const attempts: Attempt[] = [];
  for (const [at, commandContext] of commandContextsFor(context, confirmed).entries()) {
    attempts.push({
      ...(await attemptRead(context, confirmed, commandContext)),
      target: confirmed.accounts[at]?.name,
    });
  }
  const held = attempts.find(
    ({ error }) => error instanceof StoreUnavailableError || error instanceof UnrecordedError,
  );
  if (held !== undefined) {
    throw held.error;
  }
  const { origin } = confirmed.invocation;
  const isAudited = confirmed.command.audited === true;
  const reply = await context.store.transaction(
    async (tables) => {
      const told = isAudited ? await recordReads(context, tables, confirmed, attempts) : attempts;
      const answer = outcomeReply(context, confirmed, told);
      await post(context, tables, 'answer', { kind: 'reply', origin, reply: answer });
      await tables.inbox.markHandled(origin.event, context.now());
      return answer;
    },
    { repeatable: !isAudited },
  );
  rememberNextPage(context, confirmed, reply);
  context.deliver(origin.event);
  return reply;
}

/** Records what was read, for each of its targets. */
async function recordReads(
  context: Pick<ExecuteContext, 'now' | 'settings'>,
  { auditLog }: Pick<StoreTables, 'auditLog'>,
  confirmed: Confirmed,
  attempts: readonly Attempt[],
): Promise<Attempt[]> {
  const { now } = context;
  const recorded: Attempt[] = [];
  for (const [at, attempt] of attempts.entries()) {
    const account = confirmed.accounts[at];
    const audit = await auditLog.begin(intentFor(context, confirmed, { account }), now());
    await auditLog.finish(audit, outcomeOf(attempt), now());
    recorded.push({ ...attempt, audit });
  }
  return recorded;
}

function rememberNextPage(
  { nextPages }: Pick<ExecuteContext, 'nextPages'>,
  { command, invocation }: Confirmed,
  { answer }: Reply,
): void {
  if (invocation.actor.kind !== 'person') {
    return;
  }
  const { user } = invocation.actor;
  if (answer.more !== undefined) {
    nextPages.remember(user, answer.more);
  } else if (nextPages.of(user) === writeInvocation(command, invocation)) {
    // It was the last page.
    nextPages.forget(user);
  }
}
