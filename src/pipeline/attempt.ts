import type { Answer, Status } from '../command/answer.ts';

/** How work can have ended, as far as is known. */
export type AttemptStatus = Extract<Status, 'done' | 'failed' | 'partial' | 'running' | 'unknown'>;

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
  readonly job?: { readonly id: number; readonly runAt: number };
}
