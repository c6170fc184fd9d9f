import { LawspeakerError, SetupError } from '../../core/errors.ts';

/** The checks, in the order in which they are shown. Scripts rely on these names. */
export type CheckName =
  | 'configuration'
  | 'files'
  | 'rules'
  | 'actions'
  | 'database'
  | 'encryption'
  | 'witness'
  | 'http'
  | 'token'
  | 'mas'
  | 'admin'
  | 'room'
  | 'room-access'
  | 'roles';

/** One result of `check-config`. One that is ok and has advice is a warning, or says what to do next. */
export interface Check {
  readonly name: CheckName;
  readonly ok: boolean;
  readonly message: string;
  readonly advice: string | null;
  /** Whether the set-up is wrong, and not only the homeserver away. Undefined if it is ok. */
  readonly isLasting?: boolean;
  /** Whether its advice is only the next step: nothing is wrong. */
  readonly isNextStep?: boolean;
}

/** A check that is ok; with advice, it is a warning. */
export const passed = (name: CheckName, message: string, advice: string | null = null): Check => ({
  name,
  ok: true,
  message,
  advice,
});

/** A check that is ok, and what to do next. */
export const passedSoFar = (name: CheckName, message: string, nextStep: string): Check => ({
  ...passed(name, message, nextStep),
  isNextStep: true,
});

/** A check that failed. @throws error if it is not expected */
export function failed(name: CheckName, error: unknown): Check {
  if (!(error instanceof LawspeakerError)) {
    throw error;
  }
  const { message, advice = null } = error;
  return { name, ok: false, message, advice, isLasting: error instanceof SetupError };
}
