import { line } from '../../chat/answers/answer.ts';
import type { Answer, Status } from '../../chat/answers/answer.ts';
import type { Command, Context, Reconciliation, Step } from '../../chat/command/declaration.ts';
import { leavesOpenWhere, lineOn } from '../../chat/command/on-homeserver.ts';
import { takesRemote } from '../../chat/command/properties.ts';
import {
  ForeignAnswerError,
  HomeserverError,
  LawspeakerError,
  TargetError,
  UnreachableError,
  mayHaveHappened,
  codeOf,
} from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { present } from '../../core/present.ts';
import type { Account } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import { errorWithPlace } from '../answer/error-place.ts';
import { atOrWhyNot, isSaidByAccounts, serverFor } from '../at-homeserver.ts';
import { protectionOf } from '../authorize/authorize.ts';
import { protectedHashes } from '../resolve/media-owner.ts';
import type { MediaOwnerContext } from '../resolve/media-owner.ts';
import { commandContextFor } from '../stages.ts';
import type { CommandContextParts } from '../stages.ts';
import { isAlone, stepIndexOf, stepsOf, taskOf } from './operation.ts';
import type { Attempt, RunningOperation, Unit } from './operation.ts';
import { endedAttempt, reconcile, reconciledAttempt } from './reconcile.ts';
import type { ReconcileContext } from './reconcile.ts';

/** What doing one unit of an operation needs. */
export type AttemptContext = CommandContextParts &
  ReconcileContext &
  MediaOwnerContext & {
    readonly log: Pick<Log, 'error' | 'warn'>;
    readonly store: Pick<Store, 'transaction'>;
  };

type Result = Omit<Attempt, 'target' | 'audit'>;

/** Does one unit of an operation, once. Its intent is committed. Never throws. */
export async function attemptUnit(
  everywhere: AttemptContext,
  operation: RunningOperation,
  unit: Unit,
): Promise<Attempt> {
  const task = taskOf(operation, unit);
  const step = stepsOf(task.command, task.invocation.arguments)[stepIndexOf(unit)];
  const context = atOrWhyNot(everywhere, serverFor(everywhere, task, unit.target));
  if (context instanceof LawspeakerError) {
    return { ...attemptedOf(unit, step), status: 'failed', error: context };
  }
  const result = await attemptOnce(
    context,
    task,
    { step, hasOwnAnswer: isAlone(operation, step) },
    () => contextOf(context, task, unit),
    unit.intent,
  );
  // Its answer was lost, and it is known to be done: what that changed follows from the arguments.
  const isReconciled = step !== undefined && result.status === 'done' && result.did === undefined;
  return {
    ...attemptedOf(unit, step),
    ...result,
    ...(isReconciled ? changeOfReconciled(context, task, unit, step) : {}),
  };
}

/** What became of a unit whose call was cut off, or whose end was not known. Never calls it again. */
export async function reconcileUnit(
  everywhere: AttemptContext,
  operation: RunningOperation,
  unit: Unit,
  before: string | undefined,
): Promise<Attempt> {
  const task = taskOf(operation, unit);
  const step = stepsOf(task.command, task.invocation.arguments)[stepIndexOf(unit)];
  const context = atOrWhyNot(everywhere, serverFor(everywhere, task, unit.target));
  const about = {
    ...attemptedOf(unit, step),
    ...present({ audit: unit.intent, serverJob: unit.serverJob }),
  };
  if (context instanceof UnreachableError) {
    return { ...about, status: before === 'running' ? 'running' : 'unknown', isOpen: true };
  }
  if (context instanceof TargetError) {
    // Nobody can be asked any more.
    return { ...about, status: 'unknown', error: context };
  }
  if (unit.target !== undefined && isElsewhere(context, task, unit.target)) {
    // Nor here: its homeserver is not in the configuration any more.
    return { ...about, status: 'unknown' };
  }
  const found = await reconcile(
    context,
    reconcilable(task.command, step),
    contextOf(context, task, unit),
    unit.intent ?? 0,
  );
  return {
    ...about,
    ...(before === 'running' || unit.serverJob !== undefined
      ? ranOn(found)
      : reconciledAttempt(context, found, unit.intent ?? 0)),
    ...(found === 'done' ? changeOfReconciled(context, task, unit, step) : {}),
  };
}

/** Whether this homeserver knows nothing about a command's account. */
function isElsewhere(
  { settings }: AttemptContext,
  { command }: Pick<RunningOperation, 'command'>,
  user: UserId,
): boolean {
  return !takesRemote(command) && serverNameOf(user) !== settings.serverName;
}

/** What a step that was cut off and done has changed; nothing if that is not known. */
function changeOfReconciled(
  context: AttemptContext,
  operation: RunningOperation,
  unit: Unit,
  step: Step | undefined,
): StepChange {
  const commandContext = contextOf(context, operation, unit);
  const isKnown = unit.before !== undefined || unit.account !== undefined;
  if (!isKnown || step?.resultIfDone === undefined) {
    return {};
  }
  const result = step.resultIfDone(commandContext);
  return { did: step.did(result), ...changeOf(operation.command, step, commandContext, result) };
}

type StepChange = Pick<Attempt, 'did' | 'undo' | 'wasSo'>;

/** The line that takes back a step, or that it had nothing to do. */
function changeOf(command: Command, step: Step, context: Context, result: unknown): StepChange {
  return present({
    undo: onItsHomeserver(command, step.undo?.(context, result), context.invocation),
    wasSo: step.wasSo?.(result) === true ? (true as const) : undefined,
  });
}

/** A line that takes back a command, for the same homeserver. Accounts say by their IDs where they are. */
function onItsHomeserver(
  command: Command,
  line: string | undefined,
  { on, arguments: given }: Context['invocation'],
): string | undefined {
  return line === undefined || on === undefined || isSaidByAccounts(command, given)
    ? line
    : `${line} --on=${on}`;
}

/** The answer, whose further commands are about the same homeserver. */
function withLinesOn<Given extends Answer | undefined>(context: Context, answer: Given): Given {
  return answer?.next === undefined
    ? answer
    : { ...answer, next: answer.next.map((command) => lineOn(command, context)) };
}

/** The answer, which says which of several homeservers it is about. */
function withWhere(command: Command, context: Context, answer: Answer): Answer {
  const { homeservers, serverName, invocation } = context;
  return homeservers.length < 2 || !leavesOpenWhere(command, invocation.arguments)
    ? answer
    : { ...answer, body: [...(answer.body ?? []), line(`Homeserver: ${serverName}`)] };
}

/** What an attempt is about. */
function attemptedOf(
  { target, intent, part }: Unit,
  step: Step | undefined,
): Pick<Attempt, 'target' | 'audit' | 'step' | 'command'> {
  return {
    target,
    audit: intent,
    ...present({ step: step?.name, command: part?.command.name }),
  };
}

function reconcilable(
  command: Command,
  step: Step | undefined,
): Pick<Command, 'name' | 'reconcile'> {
  return step === undefined ? command : { name: command.name, reconcile: step.reconcile };
}

function contextOf(context: AttemptContext, operation: RunningOperation, unit: Unit): Context {
  const now = unit.account ?? accountNamed(unit);
  const account = now && { ...now, ...unit.before };
  return {
    ...commandContextFor(context, operation, account),
    ...present({ audit: unit.intent, serverJob: unit.serverJob }),
    protectedHashes: async () =>
      operation.invocation.overrideProtection === true
        ? new Set()
        : protectedHashes(context, account?.name),
    isProtected: async (user) =>
      operation.invocation.overrideProtection === true
        ? context.roles.isBot(user)
        : (await protectionOf(context, user)) !== undefined,
    async keepServerJob(id) {
      unit.serverJob = id;
      try {
        await context.store.transaction(async ({ operationTargets }) =>
          operationTargets.set(operation.id, unit, { state: 'in_flight', serverJob: id }),
        );
      } catch (error) {
        // It is stored with the outcome, too.
        context.log.warn(
          { code: codeOf(error) },
          'the ID of a job of the homeserver was not stored',
        );
      }
    },
  };
}

/** To reconcile a call, its target's name is enough. */
function accountNamed({ target }: Unit): Account | undefined {
  return target === undefined ? undefined : ({ name: target, displayname: null } as Account);
}

async function attemptOnce(
  context: AttemptContext,
  { command }: Pick<RunningOperation, 'command'>,
  { step, hasOwnAnswer }: { readonly step: Step | undefined; readonly hasOwnAnswer: boolean },
  contextNow: () => Context,
  audit: number | undefined,
): Promise<Result> {
  const commandContext = contextNow();
  const startedAt = performance.now();
  const tookMs = () => Math.round(performance.now() - startedAt);
  let result: unknown;
  try {
    result = await (step === undefined ? command.run(commandContext) : step.run(commandContext));
  } catch (error) {
    if (audit === undefined || !mayHaveHappened(error)) {
      logFault(context.log, command.name, error);
      const { invocation } = commandContext;
      // Of a change, what follows says where it was tried.
      const isRead = audit === undefined && command.audited !== true;
      const told = errorWithPlace(commandContext, error, { command, invocation, says: isRead });
      return { status: 'failed', error: told, tookMs: tookMs() };
    }
    const found = await reconcile(context, reconcilable(command, step), contextNow(), audit);
    const reconciled = reconciledAttempt(context, found, audit);
    // What the homeserver says now tells more than why its answer was lost.
    return {
      ...(reconciled.status === 'done' ? {} : { error }),
      ...reconciled,
      tookMs: tookMs(),
    };
  }
  try {
    if (step !== undefined) {
      const answer = withLinesOn(commandContext, step.answer?.(commandContext, result));
      return {
        ...ranStep(step, result, answer),
        did: step.did(result),
        tookMs: tookMs(),
        ...present({
          serverJob: step.serverJob?.(result),
          answer: hasOwnAnswer ? answer : undefined,
        }),
        ...changeOf(command, step, commandContext, result),
      };
    }
    const undo = onItsHomeserver(
      command,
      command.undo?.(commandContext, result),
      commandContext.invocation,
    );
    const serverJob = command.serverJob?.(result);
    const wasSo = command.wasSo?.(result) === true ? (true as const) : undefined;
    const answer = withWhere(
      command,
      commandContext,
      withLinesOn(commandContext, command.answer(commandContext, result)),
    );
    return {
      ...ranAttempt(answer.status),
      answer,
      tookMs: tookMs(),
      ...present({ undo, wasSo, serverJob }),
    };
  } catch (error) {
    // It was done, even if wording the answer failed.
    logFault(context.log, command.name, error);
    return { status: 'done', tookMs: tookMs() };
  }
}

/** How a step ended that did not fail. */
function ranStep(
  step: Step,
  result: unknown,
  answer: Answer | undefined,
): Pick<Attempt, 'status' | 'isOpen' | 'error'> {
  const missed = step.missed?.(result);
  const isRunning =
    answer === undefined ? step.serverJob?.(result) !== undefined : answer.status === 'running';
  return isRunning
    ? ranAttempt('running')
    : missed === undefined
      ? ranAttempt(answer?.status)
      : { status: 'partial', error: new TargetError('state', missed) };
}

/** What a command that changes nothing finds out, for one of its targets. Never throws. */
export async function attemptRead(
  context: AttemptContext,
  { command }: Pick<RunningOperation, 'command'>,
  commandContext: Context,
): Promise<Attempt> {
  return {
    target: undefined,
    audit: undefined,
    ...(await attemptOnce(
      context,
      { command },
      { step: undefined, hasOwnAnswer: true },
      () => commandContext,
      undefined,
    )),
  };
}

/** The status that an answer gives; most give none, because the command is done. */
function ranAttempt(status: Status | undefined): Pick<Attempt, 'status' | 'isOpen'> {
  return status === 'running'
    ? { status, isOpen: true }
    : { status: status === 'partial' || status === 'failed' ? status : 'done' };
}

/** Part of an operation that had started may have been done. */
const givenUp = new TargetError(
  'state',
  'the homeserver gave up on it',
  'Part of it may have been done. Check before you retry.',
);

/** An operation that was seen running goes on until it is known to have ended. */
function ranOn(reconciliation: Reconciliation): Pick<Attempt, 'status' | 'isOpen' | 'error'> {
  if (typeof reconciliation === 'object') {
    return endedAttempt(reconciliation);
  }
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

/** The outcome of an attempt, as the audit log stores it. */
export function outcomeOf({ status, error, tookMs, undo, ends, wasSo, serverJob }: Attempt): {
  status: string;
  detail: object;
} {
  return {
    status,
    detail: {
      ...present({ took_ms: tookMs, undo, ends, was_so: wasSo, server_job: serverJob }),
      ...(error === undefined ? {} : { code: codeOf(error) }),
      ...(error instanceof HomeserverError || error instanceof ForeignAnswerError
        ? { http_status: error.status }
        : {}),
    },
  };
}

/** Logs an unexpected error. Expected ones are explained in the room. */
export function logFault(log: Pick<Log, 'error'>, command: string, error: unknown): void {
  if (!(error instanceof LawspeakerError)) {
    log.error({ command, err: error }, 'an error in the bot: a command failed');
  }
}
