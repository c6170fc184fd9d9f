import type { Answer, Status } from '../../chat/answers/answer.ts';
import type { Job } from '../../store/tables/jobs.ts';

/** How work can have ended, as far as is known. */
export type AttemptStatus = Extract<Status, 'done' | 'failed' | 'partial' | 'running' | 'unknown'>;

/** When a timer runs, in milliseconds since 1970. */
type Timer = Pick<Job, 'id' | 'runAt'>;

/** What became of one account, or of the whole where there is none. */
export interface Attempt {
  readonly target: string | undefined;
  readonly audit: number | undefined;
  readonly status: AttemptStatus;
  /** Its end is not known yet: the homeserver will be asked again. */
  readonly isOpen?: boolean;
  /** Where it was done in this process. */
  readonly answer?: Answer;
  readonly error?: unknown;
  readonly tookMs?: number;
  /** The command line that takes it back. */
  readonly undo?: string | undefined;
  /** What will take it back by itself. */
  readonly job?: Timer;
  /** What would have taken it back before, and no longer does. */
  readonly stopped?: readonly Timer[];
  /** What takes it back as before, since a rule must not shorten it. */
  readonly kept?: Timer;
}
