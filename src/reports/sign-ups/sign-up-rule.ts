import type { RuleConfig } from '../../config/rules.ts';
import { durationMs } from '../../core/duration.ts';

/** A rule that alerts people if many accounts are created within a short time. */
export interface SignUpRule {
  readonly name: string;
  readonly atLeast: number;
  readonly withinMs: number;
}

/** Whether a rule is about sign-ups, and not about reports. */
export function isOnSignUps({ when }: Pick<RuleConfig, 'when'>): boolean {
  return when.signups !== undefined;
}

/** The rules on sign-ups among all rules of a configuration. */
export function signUpRulesIn(configured: readonly RuleConfig[]): SignUpRule[] {
  return configured.flatMap(({ name, when: { signups } }) =>
    signups === undefined
      ? []
      : [{ name, atLeast: signups.atLeast, withinMs: durationMs(signups.within) }],
  );
}
