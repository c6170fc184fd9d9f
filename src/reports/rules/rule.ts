import { count } from '../../chat/answers/phrases.ts';
import { faultsError } from '../../config/faults.ts';
import type { Fault, Places } from '../../config/faults.ts';
import type { RuleConfig } from '../../config/rules.ts';
import { UsageError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { RuleMode } from '../../store/tables/rule-matches.ts';
import { itemTest } from './conditions.ts';
import { createWitnessCount } from './reporters.ts';
import type { RuleInput } from './rule-input.ts';
import { safetyFault } from './rule-safety.ts';
import { readTemplate } from './rule-template.ts';
import type { LineSurroundings, LineTemplate } from './rule-template.ts';

/** What a rule makes of an item at one moment. */
export interface Verdict {
  readonly fits: boolean;
  /** Whose report came last of those that count; set where it fits. */
  readonly reporter: UserId | undefined;
  /** Set where all else holds, and somebody has reported it who counts: what would make it fit. */
  readonly missing: Missing | undefined;
}

export interface Missing {
  readonly reporters: { readonly have: number; readonly need: number };
}

/** A rule that is ready to be asked. */
export interface Rule {
  readonly name: string;
  readonly mode: RuleMode;
  /** Mention those who are on call. */
  readonly alert: boolean;
  /** What it does, in order; `lineFor` fills them in. */
  readonly lines: readonly LineTemplate[];
  /** Looks at what it is given and at nothing else. */
  evaluate(facts: RuleInput): Verdict;
}

/**
 * Makes the rules of a configuration.
 *
 * @param surroundings `places`: where the configuration was written, for faults
 * @throws SetupError a rule is not safe, or a line can't be run; one line a fault
 */
export function createRules(
  configured: readonly RuleConfig[],
  surroundings: LineSurroundings & { readonly places?: Places | undefined },
): Rule[] {
  const faults: Fault[] = [];
  const rules = configured.map((rule, at) => {
    const path = ['reports', 'rules', at];
    const unsafe = safetyFault(rule);
    if (unsafe !== undefined) {
      faults.push({ path: [...path, 'mode'], message: unsafe });
    }
    const lines = rule.then.flatMap((text, line) => {
      try {
        return [readTemplate(text, rule.mode, surroundings)];
      } catch (error) {
        if (!(error instanceof UsageError)) {
          throw error;
        }
        faults.push({
          path: [...path, 'then', line],
          message: [error.message, error.advice].filter(Boolean).join(' '),
        });
        return [];
      }
    });
    return ruleOf(rule, lines);
  });
  if (faults.length > 0) {
    throw faultsError(surroundings.places, faults);
  }
  return rules;
}

const no: Verdict = { fits: false, reporter: undefined, missing: undefined };

function ruleOf(config: RuleConfig, lines: readonly LineTemplate[]): Rule {
  const { name, mode, alert, when } = config;
  const isAbout = itemTest(config);
  const witnessesOf = createWitnessCount(config);
  const need = when.distinctReporters?.atLeast ?? 1;
  return {
    name,
    mode,
    alert,
    lines,
    evaluate(facts) {
      if (!isAbout(facts)) {
        return no;
      }
      const { count: have, newest } = witnessesOf(facts);
      if (have >= need) {
        return { fits: true, reporter: newest, missing: undefined };
      }
      return have === 0 ? no : { ...no, missing: { reporters: { have, need } } };
    },
  };
}

const deeds: Readonly<Record<RuleMode, string>> = {
  act: 'act',
  propose: 'propose',
  observe: 'fit',
};

/** `rule fresh-account would act at 6 reporters (4 now)`, for a card. */
export function missingText({ name, mode }: Pick<Rule, 'name' | 'mode'>, missing: Missing): string {
  const { have, need } = missing.reporters;
  return `rule ${name} would ${deeds[mode]} at ${count(need, 'reporter')} (${have} now)`;
}
