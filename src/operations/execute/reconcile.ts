import type { Command, Context, EndedJob, Reconciliation } from '../../chat/command/declaration.ts';
import { minuteMs } from '../../core/duration.ts';
import { LawspeakerError, TargetError, codeOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { AccountLookup } from '../at-homeserver.ts';
import type { Settings } from '../settings.ts';
import type { Attempt } from './operation.ts';

/**
 * The operations that this process is working on, by the event that asked for them. Recovery leaves them
 * alone.
 */
export interface InFlight {
  /** Returns false if it is in flight already. */
  add(event: string): boolean;
  has(event: string): boolean;
  remove(event: string): void;
  /** Resolves when nothing is in flight. */
  idle(): Promise<void>;
}

export function createInFlight(): InFlight {
  const events = new Set<string>();
  let emptied = Promise.withResolvers<void>();
  return {
    add(event) {
      const isNew = !events.has(event);
      events.add(event);
      return isNew;
    },
    has: (event) => events.has(event),
    remove(event) {
      events.delete(event);
      if (events.size === 0) {
        emptied.resolve();
        emptied = Promise.withResolvers();
      }
    },
    idle: async () => (events.size === 0 ? undefined : emptied.promise),
  };
}

/**
 * When the homeserver was first found not to have done the call of an audit entry, or not to tell; or when an
 * operation that was due could first not be started. In milliseconds by `performance.now()`, which can't be set
 * back.
 */
export interface ReconcileTimes {
  /** The first time for this entry or operation, which is `at` if there was none before. */
  first(what: 'not done' | 'not told' | 'not started', number: number, at: number): number;
  forget(what: 'not done' | 'not told' | 'not started', number: number): void;
}

export function createReconcileTimes(): ReconcileTimes {
  const times = new Map<string, number>();
  return {
    first(what, number, at) {
      const key = `${what} ${number}`;
      const first = times.get(key) ?? at;
      times.set(key, first);
      return first;
    },
    forget(what, number) {
      times.delete(`${what} ${number}`);
    },
  };
}

/** A homeserver that answers, but not about one call, is asked about that call for this long. */
const maxNotToldMs = 5 * minuteMs;

/**
 * Asks the homeserver what became of an interrupted call.
 *
 * @returns `unknown` if it can't tell now; `unknowable` if it answers, but has said nothing about this call
 * for a long time
 */
export async function reconcile(
  context: ReconcileContext & AnswersContext & { readonly log: Pick<Log, 'warn'> },
  command: Pick<Command, 'name' | 'reconcile'>,
  commandContext: Context,
  audit: number,
): Promise<Reconciliation> {
  const { log, reconcileTimes } = context;
  try {
    const found = (await command.reconcile?.(commandContext)) ?? 'unknowable';
    reconcileTimes.forget('not told', audit);
    return found;
  } catch (error) {
    log.warn({ command: command.name, code: codeOf(error) }, 'an outcome is not known yet');
    const now = performance.now();
    const isLong = now - reconcileTimes.first('not told', audit, now) > maxNotToldMs;
    return isLong && (await answers(context)) ? 'unknowable' : 'unknown';
  }
}

/** What finding out whether the homeserver answers needs. */
interface AnswersContext {
  readonly findAccount: AccountLookup['findAccount'];
  readonly settings: Pick<Settings, 'botUser'>;
}

/** Whether the homeserver answers at all: it then knows the bot's own account. */
export async function answers({ findAccount, settings }: AnswersContext): Promise<boolean> {
  try {
    await findAccount(settings.botUser);
    return true;
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return false;
    }
    throw error;
  }
}

/** What judging the result of reconciling needs. */
export interface ReconcileContext {
  readonly reconcileTimes: ReconcileTimes;
  readonly settings: Pick<Settings, 'reconcileAfterMs'>;
  now(): number;
  /** Says when the outcome of an operation may be known, in milliseconds since 1970. */
  recoverAt(at: number): void;
}

/**
 * The state of an audit entry's call after reconciling. The homeserver can still be working on a call that
 * it has not done yet: it counts as not done if two checks, at least `reconcileAfterMs` apart, find it not
 * done.
 */
export function reconciledAttempt(
  context: ReconcileContext,
  reconciliation: Reconciliation,
  audit: number,
): Pick<Attempt, 'status' | 'isOpen' | 'error'> {
  if (reconciliation !== 'not_done') {
    context.reconcileTimes.forget('not done', audit);
  }
  if (typeof reconciliation === 'object') {
    return endedAttempt(reconciliation);
  }
  switch (reconciliation) {
    case 'done':
      return { status: 'done' };
    case 'not_done':
      return isNotDone(context, audit) ? { status: 'failed' } : { status: 'unknown', isOpen: true };
    case 'unknown':
      return { status: 'unknown', isOpen: true };
    case 'unknowable':
      return { status: 'unknown' };
  }
}

/** How a job of the homeserver's own has ended. */
export function endedAttempt({ ended, why, advice }: EndedJob): Pick<Attempt, 'status' | 'error'> {
  return { status: ended, error: new TargetError('state', why, advice) };
}

/** Whether a call that is not done now will not be done any more; if not, it is reconciled again. */
function isNotDone(
  { reconcileTimes, settings, recoverAt, now }: ReconcileContext,
  audit: number,
): boolean {
  const askedAt = performance.now();
  const waitMs =
    reconcileTimes.first('not done', audit, askedAt) + settings.reconcileAfterMs - askedAt;
  if (waitMs <= 0) {
    return true;
  }
  recoverAt(now() + waitMs);
  return false;
}
