import type { Store } from '../../store/store.ts';
import type { AuditEntry } from '../../store/tables/audit-log.ts';
import type { DeliverContext, Reply } from '../answer/reply.ts';
import type { AuthorizeContext } from '../authorize/authorize.ts';
import type { AccountLookup } from '../resolve/absent.ts';
import type { ResolveContext } from '../resolve/resolve.ts';
import type { Settings } from '../settings.ts';
import type { AttemptContext } from './attempt.ts';
import type { OutcomeContext } from './outcome.ts';
import type { Attempt, Unit, Work } from './work.ts';

/** What moving an operation on needs. */
export type AdvanceContext = AttemptContext &
  AuthorizeContext &
  ResolveContext &
  OutcomeContext &
  DeliverContext & {
    readonly store: Pick<Store, 'auditLog' | 'operations'>;
    readonly settings: Pick<Settings, 'managementRoom' | 'parallelism'>;
    /** Aborted when the bot stops: nothing more is begun. */
    readonly stopping: AbortSignal;
  };

/** What the lanes of an operation share. */
export interface Run {
  readonly work: Work;
  /** The targets that nobody deals with yet, each with the steps that are left. */
  readonly queue: Unit[][];
  /** Looks up an account just before something is done to it. */
  readonly findAccount: AccountLookup['findAccount'];
  /** Units that are not known to have ended. */
  left: number;
  /** Whether anything was found out that the room does not know. */
  isNews: boolean;
  isPaused: boolean;
  /** Why nothing more is begun. */
  stopped: string | undefined;
  failure: Error | undefined;
  reply: Reply | undefined;
}

export function mayBegin(context: AdvanceContext, run: Run): boolean {
  return run.failure === undefined && !run.isPaused && !context.stopping.aborted;
}

export interface Attempted {
  readonly attempt: Attempt;
  /** The audit entry as it was, if it has an outcome already. */
  readonly before: AuditEntry | undefined;
}
