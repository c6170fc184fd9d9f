import { shortLine, writeInvocation } from '../../chat/command/write-invocation.ts';
import { TargetError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Stopped } from '../../services/bot/bot-operations.ts';
import type { Store } from '../../store/store.ts';
import type { OperationTarget } from '../../store/tables/operations/operation-targets.ts';
import type { Operation } from '../../store/tables/operations/operations.ts';
import { postOutcome } from '../answer/reply.ts';
import { correctDecision } from '../confirm/correct-decision.ts';
import { droppedReply } from '../confirm/drop-confirmation.ts';
import type { ExpireContext } from '../confirm/drop-confirmation.ts';
import type { Settings } from '../settings.ts';
import { parsedOf } from '../stages.ts';
import type { Parsed, ParsedContext } from '../stages.ts';
import { unitNoun } from './operation-field.ts';
import { stepsOf } from './operation.ts';

/** What stopping needs. */
export type StopContext = ParsedContext &
  ExpireContext & {
    readonly store: Pick<Store, 'operationTargets' | 'operations' | 'timers'>;
    readonly settings: Pick<Settings, 'managementRoom' | 'prefix'>;
  };

/** At most this many of what is done is named. */
const maxNamed = 10;

/**
 * Stops an operation: one that runs begins nothing more, and one that is scheduled does not run.
 *
 * @throws TargetError there is no such operation, or there is nothing left to stop
 */
export async function stop(
  context: StopContext,
  { operation: id, by }: { readonly operation: number; readonly by: UserId },
): Promise<Stopped> {
  const operation = await context.store.operations.get(id);
  if (operation === undefined) {
    throw new TargetError(
      'unknown',
      `there is no operation ${id}`,
      `See \`${context.settings.prefix}jobs\`.`,
    );
  }
  switch (operation.state) {
    case 'running':
      return stopRunning(context, operation, by);
    case 'scheduled':
      return cancelScheduled(context, operation, by);
    case 'awaiting':
      throw new TargetError(
        'state',
        `operation ${id} is not confirmed yet`,
        `To cancel it: \`${context.settings.prefix}cancel ${operation.code ?? ''}\``,
      );
    case 'done':
    case 'partial':
    case 'failed':
    case 'unknown':
    case 'cancelled':
    case 'expired':
      throw alreadyEnded(operation);
  }
}

function alreadyEnded({ id, line, state }: Operation): TargetError {
  return line === null
    ? new TargetError('state', `operation ${id} has already ended (${state})`)
    : new TargetError(
        'state',
        `timer ${id} has already ended (${state === 'cancelled' ? 'stopped' : state})`,
      );
}

async function stopRunning(
  { registry, store }: StopContext,
  operation: Operation,
  by: UserId,
): Promise<Stopped> {
  const { id } = operation;
  const parsed = parsedOf({ registry }, operation);
  const waiting = (await store.operationTargets.count(id)).waiting ?? 0;
  if (waiting === 0) {
    throw new TargetError(
      'state',
      `operation ${id} can’t be stopped, because all of it has begun`,
      'What has begun can’t be interrupted. Its answer shows how it ends.',
    );
  }
  if (!(await store.operations.requestStop(id, by))) {
    throw alreadyEnded((await store.operations.get(id)) ?? operation);
  }
  return {
    id,
    kind: 'running',
    line: writeInvocation(parsed.command, parsed.invocation),
    shortLine: shortLine(parsed.command, parsed.invocation),
    timer: undefined,
    // Read after the request, so that what is said to be done includes what ended meanwhile.
    ...soFar(parsed, await store.operationTargets.of(id)),
  };
}

type SoFar = Pick<
  Stopped,
  'counted' | 'cutShort' | 'done' | 'doneTargets' | 'failed' | 'inFlight' | 'notBegun' | 'targets'
>;

/** How far an operation has got: counts accounts, as its answer does, or the steps of a single one. */
function soFar({ command, invocation, parts }: Parsed, rows: readonly OperationTarget[]): SoFar {
  const accounts = [...Map.groupBy(rows, ({ position }) => position).values()];
  const isOne = accounts.length === 1;
  const groups = isOne ? rows.map((row) => [row]) : accounts;
  const steps = parts?.map((part) => part.command) ?? stepsOf(command, invocation.arguments);
  const nameOf = ([first]: readonly OperationTarget[]) =>
    (isOne ? steps[first?.step ?? 0]?.name : undefined) ?? first?.target ?? '';
  const isIn = (row: OperationTarget, ...states: readonly OperationTarget['state'][]) =>
    states.includes(row.state);
  const notBegun = groups.filter((group) => group.every((row) => isIn(row, 'waiting')));
  const unfinished = groups.filter((group) => group.some((row) => isIn(row, 'waiting')));
  const ended = groups.filter((group) => !group.some((row) => isIn(row, 'waiting', 'in_flight')));
  const done = ended.filter((group) => group.every((row) => isIn(row, 'done')));
  const hasTargets = rows.every(({ target }) => target !== undefined);
  return {
    counted:
      isOne && parts === undefined
        ? unitNoun({ command, invocation })
        : hasTargets && !isOne
          ? 'account'
          : 'action',
    targets: groups.length,
    done: done.length,
    failed: ended.filter((group) => group.some((row) => isIn(row, 'failed'))).length,
    inFlight: groups.length - notBegun.length - ended.length,
    cutShort: unfinished.length - notBegun.length,
    notBegun: notBegun.length,
    doneTargets: done.slice(0, maxNamed).map(nameOf),
  };
}

async function cancelScheduled(
  context: StopContext,
  operation: Operation,
  by: UserId,
): Promise<Stopped> {
  const { store, now } = context;
  const { id } = operation;
  const timer = await store.timers.get(id);
  const parsed = timer === undefined ? parsedOf(context, operation) : undefined;
  const { isFirst, decision } = await store.transaction(async (tables) => {
    if (!(await tables.operations.cancel(id, now()))) {
      return { isFirst: false };
    }
    if (parsed === undefined) {
      return { isFirst: true };
    }
    const { origin } = parsed.invocation;
    const reply = droppedReply(context, parsed, id, 'cancelled', by);
    await postOutcome(context, tables, origin, reply);
    return {
      isFirst: true,
      decision: await correctDecision(context, tables, origin.event, reply),
    };
  });
  if (!isFirst) {
    throw alreadyEnded((await store.operations.get(id)) ?? operation);
  }
  if (parsed !== undefined) {
    context.deliver(parsed.invocation.origin.event);
  }
  if (decision !== undefined) {
    context.deliver(decision);
  }
  return {
    id,
    kind: timer === undefined ? 'scheduled' : 'timer',
    line:
      parsed === undefined
        ? (operation.line ?? '')
        : writeInvocation(parsed.command, parsed.invocation),
    shortLine:
      parsed === undefined ? (operation.line ?? '') : shortLine(parsed.command, parsed.invocation),
    timer,
    counted: 'account',
    targets: 0,
    done: 0,
    failed: 0,
    inFlight: 0,
    cutShort: 0,
    notBegun: 0,
    doneTargets: [],
  };
}
