import type { Invocation, Json } from '../../chat/command/invocation.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import { tokenize } from '../../chat/reading/tokenize.ts';
import { minuteMs } from '../../core/duration.ts';
import {
  HomeserverError,
  StoreError,
  TargetError,
  UnreachableError,
  codeOf,
} from '../../core/errors.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { present } from '../../core/present.ts';
import type { Store } from '../../store/store.ts';
import type { Operation } from '../../store/tables/operations/operations.ts';
import { timerEvent } from '../../store/tables/operations/timers.ts';
import type { Timer } from '../../store/tables/operations/timers.ts';
import { postRefusal } from '../answer/refusal.ts';
import type { PostRefusalContext } from '../answer/refusal.ts';
import { postScheduledEnd } from '../answer/scheduled-end.ts';
import { at, serverFor } from '../at-homeserver.ts';
import { authorize, requireRole } from '../authorize/authorize.ts';
import type { AuthorizeContext } from '../authorize/authorize.ts';
import { start } from '../confirm/confirm.ts';
import type { StartContext } from '../confirm/confirm.ts';
import { correctDecision } from '../confirm/correct-decision.ts';
import { resolveAgain } from '../confirm/preview.ts';
import type { ResolveAgainContext } from '../confirm/preview.ts';
import type { SendPermission } from '../management-room.ts';
import { commandNamed, readingContext } from '../parse/command-line.ts';
import type { CommandNameContext, ReadingSettings } from '../parse/command-line.ts';
import { whyChanged, whyChangedFor } from '../parse/undo/changed-since.ts';
import { undoOperation } from '../parse/undo/undo-operation.ts';
import { serversOf } from '../resolve/find-accounts.ts';
import { ownersOfMedia } from '../resolve/media-owner.ts';
import { dangerOfInvocation, otherTarget, parsedOf, readInvocation, targetsOf } from '../stages.ts';
import type { Parsed, ParsedContext } from '../stages.ts';
import { logFault } from './attempt.ts';
import { execute } from './execute.ts';
import type { ExecuteContext } from './execute.ts';
import { plannedOperation } from './operation-field.ts';
import { endOthers, lineOf } from './timers-together.ts';
import type { Together } from './timers-together.ts';

/** What reading a timer needs. */
export type ParseTimerContext = CommandNameContext & ReadingSettings;

/** What running what is scheduled needs. */
export type ScheduledContext = ParseTimerContext &
  AuthorizeContext &
  ParsedContext &
  ResolveAgainContext &
  StartContext &
  ExecuteContext &
  PostRefusalContext & {
    readonly store: Pick<Store, 'auditLog' | 'operations' | 'timers'>;
    readonly sendPermission: Pick<SendPermission, 'whyMissing'>;
    readonly log: Pick<Log, 'error' | 'warn'>;
  };

/**
 * `ended`: without being started. `later`: the homeserver, the database or the room can't be reached now. `Postponed`:
 * another homeserver can't, or the homeserver can't tell about its targets.
 */
export type ScheduledRun = 'started' | 'ended' | 'later' | Postponed;

/** What waits: the name of a homeserver that can't be reached, if it is the only one, and the targets of an operation. */
type Postponed = readonly string[];

/**
 * Starts an operation that is due: a command that was scheduled, or the reversal of an earlier one. It passes
 * the same stages as every command, with the roles, the protection and the targets of now. Nobody is asked to
 * confirm it: they agreed to it before.
 *
 * @param waiting what operations that were due before wait for: what is done to one target stays in order
 * @param together the timers that end in this operation, if it is not its own alone
 */
export async function runScheduled(
  context: ScheduledContext,
  operation: Operation,
  waiting: ReadonlySet<string> = new Set(),
  together?: Together,
): Promise<ScheduledRun> {
  if (context.sendPermission.whyMissing() !== undefined) {
    return 'later';
  }
  const confirmer = (operation.confirmer ?? undefined) as UserId | undefined;
  let parsed: Parsed | undefined;
  try {
    parsed = await read(context, operation, together);
    parsed = await withReversals(context, parsed, together);
    const needed = neededBy(context, parsed) ?? targetsIn(parsed);
    if (needed.some((one) => waiting.has(one))) {
      return needed;
    }
    const authorized = authorize(context, parsed);
    await assertUnchanged(context, parsed);
    if (confirmer !== undefined) {
      requireRole(context, parsed, confirmer);
    }
    // Each of several targets is looked up just before its call, so that one that is gone does not stop the others.
    const resolved = await resolveAgain(context, authorized, 1);
    const confirmed = await start(
      context,
      resolved,
      confirmer,
      async (tables) =>
        together === undefined ||
        endOthers(tables, together, { except: operation.id, as: 'done', at: context.now() }),
    );
    context.reconcileTimes.forget('not started', operation.id);
    if (confirmed === undefined) {
      // It was stopped just now, or one that ends with it.
      return 'ended';
    }
    await execute(context, confirmed);
    return 'started';
  } catch (error) {
    if (error instanceof UnreachableError || error instanceof StoreError) {
      const needed = parsed && error instanceof UnreachableError && neededBy(context, parsed);
      return needed || 'later';
    }
    if (parsed !== undefined && isTemporary(context, operation, error)) {
      // It may be about these targets alone: nothing else waits.
      return targetsIn(parsed);
    }
    logFault(context.log, operation.command, error);
    context.log.warn(
      { operation: operation.id, code: codeOf(error) },
      'a scheduled operation failed',
    );
    await refuse(context, operation, { parsed, error, together });
    return 'ended';
  }
}

/** What an operation waits for if one of its homeservers can't be reached; undefined if it only needs the first. */
function neededBy(context: ScheduledContext, parsed: Parsed): Postponed | undefined {
  const parts = parsed.parts ?? [parsed];
  const [first] = context.settings.homeservers;
  const servers = new Set(parts.flatMap((part) => serversOf(context, part)));
  servers.delete(undefined);
  servers.delete(first?.serverName);
  const [only, another] = servers;
  return only === undefined
    ? undefined
    : [...(another === undefined ? [only] : []), ...targetsIn(parsed)];
}

function targetsIn(parsed: Parsed): string[] {
  const parts = parsed.parts ?? [parsed];
  return parts.flatMap((part) => [...targetsOf(part), otherTarget(part) ?? []].flat());
}

/** What is due is tried again for this long while the homeserver answers that it can't tell now. */
const maxNotStartedMs = 5 * minuteMs;

/** Whether the homeserver is overloaded or has a fault, and has not had it for long. */
function isTemporary(
  { reconcileTimes }: Pick<ScheduledContext, 'reconcileTimes'>,
  { id }: Operation,
  error: unknown,
): boolean {
  if (!(error instanceof HomeserverError) || !error.isTemporary) {
    return false;
  }
  const now = performance.now();
  const isLong = now - reconcileTimes.first('not started', id, now) > maxNotStartedMs;
  if (isLong) {
    reconcileTimes.forget('not started', id);
  }
  return !isLong;
}

async function read(
  context: ScheduledContext,
  operation: Operation,
  together: Together | undefined,
): Promise<Parsed> {
  const timer = operation.line === null ? undefined : await context.store.timers.get(operation.id);
  if (timer === undefined) {
    return parsedOf(context, operation);
  }
  const action = await context.store.auditLog.get(timer.intentId);
  const line = together === undefined ? timer.line : lineOf(together);
  return parseTimer(context, { ...timer, line }, action?.itemId ?? undefined);
}

/**
 * Adds what a timer takes back, if it ends what was done to several targets.
 *
 * @throws TargetError nothing of it can be taken back
 */
async function withReversals(
  context: ScheduledContext,
  parsed: Parsed,
  together: Together | undefined,
): Promise<Parsed> {
  const { actor, arguments: given } = parsed.invocation;
  const undone = given['operation'];
  if (actor.kind !== 'timer' || parsed.command.name !== 'undo' || typeof undone !== 'number') {
    return parsed;
  }
  const only = together && new Set(together.timers.map(({ intentId }) => intentId));
  return undoOperation(context, parsed, undone, only);
}

/** @throws TargetError it takes back what somebody has changed again since it was asked for */
async function assertUnchanged(context: ScheduledContext, parsed: Parsed): Promise<void> {
  const why = await whyChanged(context.store.auditLog, parsed);
  if (why !== undefined) {
    const [target = 'it'] = targetsOf(parsed);
    throw new TargetError('state', `${target} ${why}`, 'Nothing was changed.');
  }
  await assertFilesUnchanged(context, parsed);
}

/**
 * A newer command about the same file stops its timer, but not one about all files of who has uploaded it.
 *
 * @throws TargetError somebody has quarantined all of them since a timer was set for one
 */
async function assertFilesUnchanged(context: ScheduledContext, parsed: Parsed): Promise<void> {
  const { auditLog, timers } = context.store;
  const { actor, origin } = parsed.invocation;
  const timer = actor.kind === 'timer' ? await timers.get(actor.timer) : undefined;
  const entry = timer && (await auditLog.get(timer.intentId));
  if (entry === undefined) {
    return;
  }
  const owners = await ownersOfMedia(at(context, serverFor(context, parsed)), parsed);
  for (const owner of new Set(owners)) {
    const how = { command: parsed.command.name, except: origin.event };
    const why = await whyChangedFor(auditLog, entry, owner, how);
    if (why !== undefined) {
      throw new TargetError('state', `what ${owner} has uploaded ${why}`, 'Nothing was changed.');
    }
  }
}

/** Ends an operation that can't be started, and tells the room why. */
async function refuse(
  context: ScheduledContext,
  { id, command, invocation: stored }: Operation,
  {
    parsed,
    error,
    together,
  }: {
    readonly parsed: Parsed | undefined;
    readonly error: unknown;
    readonly together: Together | undefined;
  },
): Promise<void> {
  const invocation = parsed?.invocation ?? readInvocation(stored);
  const decision = await context.store.transaction(async (tables) => {
    // Otherwise it would be refused again after a crash.
    const at = context.now();
    const isFirst = await tables.operations.end(id, 'failed', at);
    if (isFirst && together !== undefined) {
      await endOthers(tables, together, { except: id, as: 'failed', at });
    }
    if (!isFirst || invocation === undefined) {
      return undefined;
    }
    const { origin, notBefore } = invocation;
    const operation = parsed && plannedOperation(parsed, id, 'failed');
    const refused = { command, origin, parsed, operation, error };
    if (notBefore === undefined) {
      await postRefusal(context, tables, refused);
      return undefined;
    }
    const reply = await postRefusal(context, tables, refused, 'edit');
    await postScheduledEnd(context, tables, { id, invocation }, reply);
    return correctDecision(context, tables, origin.event, reply);
  });
  if (invocation !== undefined) {
    context.deliver(invocation.origin.event);
  }
  if (decision !== undefined) {
    context.deliver(decision);
  }
}

/**
 * Reads the command line of a timer.
 *
 * @param card the report in whose thread the outcome belongs
 * @throws UsageError, TargetError the line can't be read, or its command no longer exists
 */
export function parseTimer(
  context: ParseTimerContext,
  timer: Timer,
  card: number | undefined,
): Parsed {
  const command = commandNamed(context, timer.line);
  const { values, on } = readArguments(
    command,
    tokenize(timer.line).slice(1),
    readingContext(context),
  );
  const invocation: Invocation = {
    command: command.name,
    arguments: values as Readonly<Record<string, Json>>,
    ...present({ on }),
    reason: `end of #${timer.intentId}`,
    dryRun: false,
    actor: { kind: 'timer', timer: timer.id, user: timer.askedBy as UserId },
    origin: {
      event: timerEvent(timer) as EventId,
      room: timer.roomId as RoomId,
      inReplyTo: timer.eventId as EventId,
      // A command of a report's thread is undone in that thread.
      ...present({ card }),
    },
  };
  return { command, invocation, danger: dangerOfInvocation(command, invocation) };
}
