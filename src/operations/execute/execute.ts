import type { Status } from '../../chat/answers/answer.ts';
import type { Context } from '../../chat/command/declaration.ts';
import {
  ForeignAnswerError,
  HomeserverError,
  LawspeakerError,
  StoreError,
  UnreachableError,
  UnrecordedError,
  codeOf,
} from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { present } from '../../core/present.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { OpenItemCount } from '../../store/tables/report-items.ts';
import { post, postOutcome } from '../answer/reply.ts';
import type { DeliverContext, PostContext, Reply } from '../answer/reply.ts';
import type { NextPages } from '../parse/expand.ts';
import type { CommandContextParts, Confirmed } from '../stages.ts';
import { commandContextsFor, intentFor } from '../stages.ts';
import { outcomeReply, runningReply } from './outcome.ts';
import type { Attempt, OutcomeContext } from './outcome.ts';
import { reconcile, reconciledAttempt } from './reconcile.ts';
import type { InFlight, ReconcileContext } from './reconcile.ts';
import { resolveItem } from './resolve-item.ts';
import { isTimed, updateTimers } from './timers.ts';

/** A confirmed command that takes longer than this is shown as running. */
const quickMs = 2000;

/** What running a command needs. */
type AttemptContext = ReconcileContext & { readonly log: Pick<Log, 'error' | 'warn'> };

/** What recording an outcome needs. */
type RecordContext = OutcomeContext & PostContext & { readonly store: Pick<Store, 'transaction'> };

type ExecuteAllContext = CommandContextParts &
  AttemptContext &
  RecordContext & { readonly nextPages: Pick<NextPages, 'remember'> };

/** What executing needs. */
export type ExecuteContext = ExecuteAllContext &
  DeliverContext & {
    readonly inFlight: InFlight;
    /** A timer was set. */
    wakeTimers(): void;
    /** A report has changed. */
    wakeReports(): void;
  };

/** Does what was asked, one account after another, and commits each outcome before the next. */
export async function execute(context: ExecuteContext, confirmed: Confirmed): Promise<Reply> {
  const { event } = confirmed.invocation.origin;
  const attempts: Attempt[] = [];
  const slow = setTimeout(() => {
    sayRunning(context, confirmed, attempts).catch((error: unknown) => {
      context.log.warn({ code: codeOf(error) }, 'could not say that a command is running');
    });
  }, quickMs);
  slow.unref();
  try {
    return await executeAll(context, confirmed, attempts);
  } finally {
    clearTimeout(slow);
    context.inFlight.remove(event);
    context.deliver(event);
    if (confirmed.invocation.forMs !== undefined) {
      context.wakeTimers();
    }
    if (confirmed.invocation.item !== undefined) {
      context.wakeReports();
    }
  }
}

/** Replaces the confirmation by the message that it is running, unless its outcome is there already. */
async function sayRunning(
  context: Pick<OutcomeContext, 'members'> & DeliverContext,
  confirmed: Confirmed,
  attempts: readonly Attempt[],
): Promise<void> {
  const { origin } = confirmed.invocation;
  const isShown = await context.store.transaction(async (tables) => {
    const asked = await tables.confirmations.byEvent(origin.event);
    if (asked === undefined || (await tables.outbox.has(origin.event, 'outcome'))) {
      return false;
    }
    const reply = runningReply(context, confirmed, attempts.length);
    await postOutcome(context, tables, origin, reply, 'running');
    return true;
  });
  if (isShown) {
    context.deliver(origin.event);
  }
}

async function executeAll(
  context: ExecuteAllContext,
  confirmed: Confirmed,
  attempts: Attempt[],
): Promise<Reply> {
  const commandContexts = commandContextsFor(context, confirmed);
  let intent = confirmed.intent;
  for (const [at, commandContext] of commandContexts.entries()) {
    const account = confirmed.accounts[at];
    const attempt: Attempt = {
      target: account?.name,
      audit: intent,
      ...(await attemptOnce(context, confirmed, commandContext, intent)),
    };
    attempts.push(attempt);
    if (attempt.audit !== undefined) {
      const next = confirmed.accounts[at + 1];
      intent = await recorded(async () =>
        recordOutcome(context, confirmed, attempt, next, attempts),
      );
    }
  }
  if (attempts.some(({ isOpen }) => isOpen === true)) {
    // Recovery leaves alone what is in flight: what it would have asked meanwhile, it asks now.
    context.recoverAt(context.now() + context.settings.reconcileAfterMs);
  }
  const reply = outcomeReply(context, confirmed, attempts);
  rememberNextPage(context, confirmed, reply);
  if (confirmed.intent === undefined) {
    try {
      await answerRead(context, confirmed, reply);
    } catch (error) {
      // An outcome that is not recorded matters more than an answer that can't be stored.
      throw attempts.find((attempt) => attempt.error instanceof UnrecordedError)?.error ?? error;
    }
  }
  return reply;
}

/** The call was made: if the database fails now, something may have been done. */
async function recorded<Result>(record: () => Promise<Result>): Promise<Result> {
  try {
    return await record();
  } catch (error) {
    throw error instanceof StoreError
      ? new UnrecordedError(
          `it was sent, and then ${error.message}`,
          'I will ask the homeserver again and post the result here. Check before you retry.',
        )
      : error;
  }
}

function rememberNextPage(
  { nextPages }: Pick<ExecuteAllContext, 'nextPages'>,
  { invocation }: Confirmed,
  { answer }: Reply,
): void {
  if (answer.more !== undefined && invocation.actor.kind === 'person') {
    nextPages.remember(invocation.actor.user, answer.more);
  }
}

async function attemptOnce(
  context: AttemptContext,
  { command }: Confirmed,
  commandContext: Context,
  audit: number | undefined,
): Promise<Omit<Attempt, 'target' | 'audit'>> {
  const startedAt = performance.now();
  const tookMs = () => Math.round(performance.now() - startedAt);
  let result: unknown;
  try {
    result = await command.run(commandContext);
  } catch (error) {
    if (audit === undefined || !mayHaveHappened(error)) {
      logFault(context.log, command.name, error);
      return { status: 'failed', error, tookMs: tookMs() };
    }
    const found = await reconcile(context.log, command, commandContext);
    const reconciled = reconciledAttempt(context, found, audit);
    return { ...reconciled, ...(reconciled.status === 'done' ? {} : { error }), tookMs: tookMs() };
  }
  try {
    const undo = command.undo?.(commandContext, result);
    const serverJob = command.serverJob?.(result);
    const answer = command.answer(commandContext, result);
    return {
      ...ranAttempt(answer.status),
      answer,
      tookMs: tookMs(),
      ...present({ undo, serverJob }),
    };
  } catch (error) {
    // It was done, even if wording the answer failed.
    logFault(context.log, command.name, error);
    return { status: 'done', tookMs: tookMs() };
  }
}

/** The status that an answer gives; most give none, because the command is done. */
function ranAttempt(status: Status | undefined): Pick<Attempt, 'status' | 'isOpen'> {
  return status === 'running'
    ? { status, isOpen: true }
    : { status: status === 'partial' || status === 'failed' ? status : 'done' };
}

function mayHaveHappened(error: unknown): boolean {
  return error instanceof HomeserverError || error instanceof UnreachableError
    ? error.mayHaveHappened
    : !(error instanceof LawspeakerError);
}

/**
 * Commits an outcome together with the next intent, or with the end of the operation and its answer.
 *
 * @returns the next intent
 */
async function recordOutcome(
  context: RecordContext,
  confirmed: Confirmed,
  attempt: Attempt,
  next: Confirmed['accounts'][number] | undefined,
  attempts: Attempt[],
): Promise<number | undefined> {
  // If a power cut takes the outcome before its answer is delivered, the homeserver is asked again. An
  // intent, when a timer runs, or how much of a command was done can't be found out again.
  const repeatable =
    next === undefined &&
    confirmed.invocation.forMs === undefined &&
    confirmed.command.reconcile !== undefined &&
    (attempt.status === 'done' || attempt.status === 'failed');
  const record = async (tables: StoreTables) => {
    await tables.auditLog.finish(attempt.audit ?? 0, outcomeOf(attempt), context.now());
    if (isTimed(confirmed)) {
      const timers = await updateTimers(context, tables, confirmed, attempt);
      attempts[attempts.length - 1] = { ...attempt, ...timers };
    }
    if (next !== undefined) {
      return tables.auditLog.begin(intentFor(confirmed, next, confirmed.confirmer), context.now());
    }
    const { item, origin } = confirmed.invocation;
    if (attempts.every(({ isOpen }) => isOpen !== true)) {
      await tables.executions.finish(origin.event, context.now());
    }
    if (item !== undefined) {
      await resolveItem(tables, item, confirmed, attempts, context.now());
    }
    const waiting = await waitingAbout(tables, confirmed, attempts);
    await postOutcome(context, tables, origin, outcomeReply(context, confirmed, attempts, waiting));
    return undefined;
  };
  return context.store.transaction(record, { repeatable });
}

/** Other reports that are pending about the accounts that were dealt with: usually they can be resolved, too. */
export async function waitingAbout(
  { reportItems }: Pick<StoreTables, 'reportItems'>,
  { command }: Pick<Confirmed, 'command'>,
  attempts: readonly Attempt[],
): Promise<readonly OpenItemCount[]> {
  const done = attempts.flatMap(({ target, status }) => (status === 'done' ? (target ?? []) : []));
  return command.resolvesReports === true && done.length > 0 ? reportItems.countOpen(done) : [];
}

/** The outcome of an attempt, as the audit log stores it. */
export function outcomeOf({ status, error, tookMs, undo, serverJob }: Attempt): {
  status: string;
  detail: object;
} {
  return {
    status,
    detail: {
      ...present({ took_ms: tookMs, undo, server_job: serverJob }),
      ...(error === undefined ? {} : { code: codeOf(error) }),
      ...(error instanceof HomeserverError || error instanceof ForeignAnswerError
        ? { http_status: error.status }
        : {}),
    },
  };
}

async function answerRead(
  context: Omit<DeliverContext, 'deliver'>,
  confirmed: Confirmed,
  reply: Reply,
): Promise<void> {
  const { origin } = confirmed.invocation;
  await context.store.transaction(
    async (tables) => {
      await post(context, tables, 'answer', { kind: 'reply', origin, reply });
      await tables.inbox.markHandled(origin.event, context.now());
    },
    { repeatable: true },
  );
}

/** Logs an error that is not an expected one: those are explained in the room. */
export function logFault(log: Pick<Log, 'error'>, command: string, error: unknown): void {
  if (!(error instanceof LawspeakerError)) {
    log.error({ command, err: error }, 'an error in the bot: a command failed');
  }
}
