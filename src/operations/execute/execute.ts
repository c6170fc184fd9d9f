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
import type { StoreTables } from '../../store/store.ts';
import { post } from '../answer/reply.ts';
import type { Outgoing, Reply } from '../answer/reply.ts';
import { contextsFor } from '../context.ts';
import type { House } from '../house.ts';
import type { Confirmed } from '../stages.ts';
import type { Attempt } from './attempt.ts';
import { intentFor } from './intent.ts';
import { outcomeReply, runningReply } from './outcome.ts';
import { reconcile, reconciledAttempt } from './reconcile.ts';
import { resolveItem, waitingAbout } from './resolve-item.ts';
import { updateTimers } from './reversal.ts';

/** A confirmed command that takes longer than this is shown as running. */
const quickMs = 2000;

/** Does what was asked, one account after the other, and commits each outcome before the next. */
export async function execute(house: House, confirmed: Confirmed): Promise<Reply> {
  const { event } = confirmed.invocation.origin;
  const attempts: Attempt[] = [];
  const slow = setTimeout(() => {
    tellRunning(house, confirmed, attempts).catch((error: unknown) => {
      house.log.warn({ code: codeOf(error) }, 'that a command is running could not be told');
    });
  }, quickMs);
  slow.unref();
  try {
    return await executeAll(house, confirmed, attempts);
  } finally {
    clearTimeout(slow);
    house.inFlight.delete(event);
    house.deliver(event);
    if (confirmed.invocation.forMs !== undefined) {
      house.wakeTimers();
    }
    if (confirmed.invocation.item !== undefined) {
      house.wakeReports();
    }
  }
}

/** Puts that it is running in the place of the confirmation, unless its outcome already is. */
async function tellRunning(
  house: House,
  confirmed: Confirmed,
  attempts: readonly Attempt[],
): Promise<void> {
  const { origin } = confirmed.invocation;
  const isTold = await house.store.transaction(async (tables) => {
    const asked = await tables.confirmations.byEvent(origin.event);
    if (asked === undefined || (await tables.outbox.has(origin.event, 'outcome'))) {
      return false;
    }
    const reply = runningReply(house, confirmed, attempts.length);
    await postOutcome(house, tables, confirmed, reply, 'running');
    return true;
  });
  if (isTold) {
    house.deliver(origin.event);
  }
}

async function executeAll(house: House, confirmed: Confirmed, attempts: Attempt[]): Promise<Reply> {
  const contexts = contextsFor(house, confirmed);
  let intent = confirmed.intent;
  for (const [at, context] of contexts.entries()) {
    const account = confirmed.accounts[at];
    const attempt: Attempt = {
      target: account?.name,
      audit: intent,
      ...(await attemptOnce(house, confirmed, context, intent)),
    };
    attempts.push(attempt);
    if (attempt.audit !== undefined) {
      const next = confirmed.accounts[at + 1];
      intent = await recorded(async () => recordOutcome(house, confirmed, attempt, next, attempts));
    }
  }
  if (attempts.some(({ isOpen }) => isOpen === true)) {
    // Recovery keeps off what is under way: what it was to ask meanwhile is asked now.
    house.recoverAt(house.now() + house.settings.reconcileAfterMs);
  }
  const reply = outcomeReply(house, confirmed, attempts);
  rememberNextPage(house, confirmed, reply);
  if (confirmed.intent === undefined) {
    try {
      await answerRead(house, confirmed, reply);
    } catch (error) {
      // What a decision has led to weighs more than that its answer can't be stored.
      throw attempts.find((attempt) => attempt.error instanceof UnrecordedError)?.error ?? error;
    }
  }
  return reply;
}

/** The call is out, so that a database that fails now does not mean that nothing was done. */
async function recorded<Result>(record: () => Promise<Result>): Promise<Result> {
  try {
    return await record();
  } catch (error) {
    throw error instanceof StoreError
      ? new UnrecordedError(
          `it was sent, and then ${error.message}`,
          'I will ask the homeserver again and say here what I find. Look before you send it again.',
        )
      : error;
  }
}

function rememberNextPage(house: House, { invocation }: Confirmed, { answer }: Reply): void {
  if (answer.more !== undefined && invocation.actor.kind === 'person') {
    house.nextPages.set(invocation.actor.user, answer.more);
  }
}

async function attemptOnce(
  house: House,
  { command }: Confirmed,
  context: Context,
  audit: number | undefined,
): Promise<Omit<Attempt, 'target' | 'audit'>> {
  const startedAt = performance.now();
  const tookMs = () => Math.round(performance.now() - startedAt);
  let result: unknown;
  try {
    result = await command.run(context);
  } catch (error) {
    if (audit === undefined || !mayHaveHappened(error)) {
      logFault(house, command.name, error);
      return { status: 'failed', error, tookMs: tookMs() };
    }
    const settled = reconciledAttempt(house, await reconcile(house, command, context), audit);
    return { ...settled, ...(settled.status === 'done' ? {} : { error }), tookMs: tookMs() };
  }
  try {
    const undo = command.undo?.(context, result);
    const answer = command.answer(context, result);
    return {
      ...ranAttempt(answer.status),
      answer,
      tookMs: tookMs(),
      ...(undo === undefined ? {} : { undo }),
    };
  } catch (error) {
    // It was done, whatever is wrong with the wording.
    logFault(house, command.name, error);
    return { status: 'done', tookMs: tookMs() };
  }
}

/** What an answer says of its own work; most say nothing, since it is done. */
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
 * Commits an outcome together with the next intent, or with the end of the work and its answer.
 * Returns the next intent.
 */
async function recordOutcome(
  house: House,
  confirmed: Confirmed,
  attempt: Attempt,
  next: Confirmed['accounts'][number] | undefined,
  attempts: Attempt[],
): Promise<number | undefined> {
  return house.store.transaction(async (tables) => {
    await tables.auditLog.finish(attempt.audit ?? 0, outcomeOf(attempt), house.now());
    const timers = await updateTimers(house, tables, confirmed, attempt);
    attempts[attempts.length - 1] = { ...attempt, ...timers };
    if (next !== undefined) {
      return tables.auditLog.begin(intentFor(confirmed, next, confirmed.confirmer), house.now());
    }
    const { event } = confirmed.invocation.origin;
    if (attempts.every(({ isOpen }) => isOpen !== true)) {
      await tables.executions.finish(event, house.now());
    }
    await resolveItem(house, tables, confirmed, attempts);
    const waiting = await waitingAbout(tables, confirmed, attempts);
    await postOutcome(house, tables, confirmed, outcomeReply(house, confirmed, attempts, waiting));
    return undefined;
  });
}

/** What the audit log keeps of an attempt's end. */
export function outcomeOf({ status, error, tookMs, undo }: Attempt): {
  status: string;
  detail: object;
} {
  return {
    status,
    detail: {
      ...(tookMs === undefined ? {} : { took_ms: tookMs }),
      ...(undo === undefined ? {} : { undo }),
      ...(error === undefined ? {} : { code: codeOf(error) }),
      ...(error instanceof HomeserverError || error instanceof ForeignAnswerError
        ? { http_status: error.status }
        : {}),
    },
  };
}

/**
 * The outcome edits the confirmation where one was asked, and is the answer otherwise. What was unknown
 * at first edits what was said then.
 */
export async function postOutcome(
  house: House,
  tables: StoreTables,
  { invocation: { origin } }: Pick<Confirmed, 'invocation'>,
  reply: Reply,
  stage: 'outcome' | 'running' | 'unknown' | 'reconciled' = 'outcome',
): Promise<void> {
  const asked = await tables.confirmations.byEvent(origin.event);
  if (asked === undefined && !(await tables.outbox.has(origin.event, 'answer'))) {
    await post(house, tables, 'answer', { kind: 'reply', origin, reply });
    return;
  }
  await post(house, tables, stage, { kind: 'edit', origin, reply });
  if (asked !== undefined) {
    await withdrawReactions(house, tables, origin);
  }
}

/** Takes the bot's own reactions off a confirmation that is settled. */
export async function withdrawReactions(
  house: House,
  tables: StoreTables,
  origin: Outgoing['origin'],
): Promise<void> {
  await post(house, tables, 'unreact-confirm', {
    kind: 'withdraw',
    origin,
    stage: 'react-confirm',
  });
  await post(house, tables, 'unreact-cancel', { kind: 'withdraw', origin, stage: 'react-cancel' });
}

async function answerRead(house: House, confirmed: Confirmed, reply: Reply): Promise<void> {
  const { origin } = confirmed.invocation;
  await house.store.transaction(async (tables) => {
    await post(house, tables, 'answer', { kind: 'reply', origin, reply });
    await tables.inbox.handled(origin.event, house.now());
  });
}

/** Expected errors speak for themselves in the room; others are ours to mend. */
export function logFault(house: House, command: string, error: unknown): void {
  if (!(error instanceof LawspeakerError)) {
    house.log.error({ command, err: error }, 'a command failed by a fault of the bot');
  }
}
