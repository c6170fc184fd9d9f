import type { Invocation, Json } from '../../chat/command/invocation.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import { tokenize } from '../../chat/reading/tokenize.ts';
import { createWorker } from '../../core/async/worker.ts';
import { StoreError, UnreachableError, codeOf } from '../../core/errors.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { present } from '../../core/present.ts';
import type { Store } from '../../store/store.ts';
import { timerEvent } from '../../store/tables/timers.ts';
import type { Timer } from '../../store/tables/timers.ts';
import { postRefusal } from '../answer/refusal.ts';
import type { PostRefusalContext } from '../answer/refusal.ts';
import { authorize } from '../authorize/authorize.ts';
import type { AuthorizeContext } from '../authorize/authorize.ts';
import { start } from '../confirm/confirm.ts';
import type { StartContext } from '../confirm/confirm.ts';
import type { SendPermission } from '../management-room.ts';
import { commandNamed, readingContext } from '../parse/command-line.ts';
import type { CommandNameContext, ReadingSettings } from '../parse/command-line.ts';
import { resolve } from '../resolve/resolve.ts';
import type { ResolveContext } from '../resolve/resolve.ts';
import { dangerOfInvocation } from '../stages.ts';
import type { Parsed } from '../stages.ts';
import { logFault } from './attempt.ts';
import { execute } from './execute.ts';
import type { ExecuteContext } from './execute.ts';

/** What reading a timer needs. */
export type ParseTimerContext = CommandNameContext & ReadingSettings;

/** What running a timer needs. */
export type TimerContext = ParseTimerContext &
  AuthorizeContext &
  ResolveContext &
  StartContext &
  ExecuteContext &
  PostRefusalContext & {
    readonly store: Pick<Store, 'auditLog'>;
    readonly sendPermission: Pick<SendPermission, 'whyMissing'>;
    readonly log: Pick<Log, 'warn'>;
  };

/** Whether a timer's operation was started, or ended without; `later`: the homeserver or the room can't be reached. */
export type TimerRun = 'started' | 'ended' | 'later';

/**
 * Runs the command of a timer, which undoes an earlier one. It passes the same stages as every command,
 * but nobody is asked to confirm it: they agreed to it with the earlier command.
 */
export async function runTimer(context: TimerContext, timer: Timer): Promise<TimerRun> {
  if (context.sendPermission.whyMissing() !== undefined) {
    return 'later';
  }
  const action = await context.store.auditLog.get(timer.intentId);
  const parsed = parseTimer(context, timer, action?.itemId ?? undefined);
  try {
    const resolved = await resolve(context, authorize(context, parsed));
    const confirmed = await start(context, resolved, undefined, async () => true);
    if (confirmed === undefined) {
      // It was stopped just now.
      return 'ended';
    }
    await execute(context, confirmed);
    return 'started';
  } catch (error) {
    if (error instanceof UnreachableError || error instanceof StoreError) {
      return 'later';
    }
    logFault(context.log, parsed.command.name, error);
    context.log.warn({ timer: timer.id, code: codeOf(error) }, 'a timer failed');
    const { origin } = parsed.invocation;
    await context.store.transaction(async (tables) => {
      const { command } = parsed.invocation;
      await postRefusal(context, tables, { command, origin, parsed, error });
      // Otherwise it would be refused again after a crash.
      await tables.timers.end(timer.id, 'failed', context.now());
    });
    context.deliver(origin.event);
    return 'ended';
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
  const { values } = readArguments(command, tokenize(timer.line).slice(1), readingContext(context));
  const invocation: Invocation = {
    command: command.name,
    arguments: values as Readonly<Record<string, Json>>,
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

export interface Timers {
  /** Runs the timers that are due. Call it at the start, and when a timer was set. */
  wake(): void;
  stop(): void;
}

const retryMs = 30_000;

/** Runs timers at their time, one after another. They are stored, so they survive restarts. */
export function createTimers(options: {
  store: Pick<Store, 'timers'>;
  run: (timer: Timer) => Promise<TimerRun>;
  now: () => number;
  onError: (error: unknown) => void;
}): Timers {
  const { store, run, now, onError } = options;
  const worker = createWorker({
    async work(signal) {
      for (const timer of await store.timers.waiting()) {
        if (signal.aborted) {
          return;
        }
        if (timer.runAt > now()) {
          worker.wakeAt(timer.runAt);
          return;
        }
        const ended = await run(timer);
        if (ended === 'later') {
          worker.wakeIn(retryMs);
          return;
        }
      }
    },
    onError(error) {
      onError(error);
      worker.wakeIn(retryMs);
    },
    now,
  });
  return {
    wake: worker.wake,
    stop() {
      void worker.stop();
    },
  };
}
