import { count } from '../../chat/answers/phrases.ts';
import { faultsError } from '../../config/faults.ts';
import type { Fault, Places } from '../../config/faults.ts';
import type { RuleConfig } from '../../config/rules.ts';
import { UsageError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { RuleMode } from '../../store/tables/reports/rule-matches.ts';
import type { LineTemplate } from '../lines/template.ts';
import { isOnSignUps } from '../sign-ups/sign-up-rule.ts';
import { itemTest } from './conditions.ts';
import { createReporterCounter } from './counted-reporters.ts';
import type { RuleInput } from './rule-input.ts';
import { safetyFault } from './rule-safety.ts';
import { readRuleTemplate } from './rule-template.ts';
import type { RuleLineContext } from './rule-template.ts';

/** The result of evaluating a rule on an item. */
interface Evaluation {
  readonly matches: boolean;
  /** Who sent the last report that counts; set if the rule matches. */
  readonly reporter: UserId | undefined;
  /** What is missing for a match; set if everything else matches and at least one report counts. */
  readonly missing: Missing | undefined;
}

export interface Missing {
  readonly reporters: { readonly have: number; readonly need: number };
}

/** A rule that can be evaluated. */
export interface Rule {
  readonly name: string;
  readonly mode: RuleMode;
  /** Whether to mention the people on call. */
  readonly alert: boolean;
  /** The commands to run, in order. `lineFor` fills in the placeholders. */
  readonly lines: readonly LineTemplate[];
  /** Whether tags decide whether it matches. */
  readonly seesTags: boolean;
  /** Depends on the input alone. */
  evaluate(input: RuleInput): Evaluation;
}

/**
 * Creates the rules of a configuration that are about reports.
 *
 * @param context `places`: the lines of the configuration file, for error messages
 * @throws SetupError a rule is not safe, or one of its lines can't be run; one line for each fault
 */
export function createRules(
  configured: readonly RuleConfig[],
  context: RuleLineContext & { readonly places?: Places | undefined },
): Rule[] {
  const faults: Fault[] = [];
  const rules = configured.flatMap((rule, at) => {
    if (isOnSignUps(rule)) {
      return [];
    }
    const path = ['reports', 'rules', at];
    const lines = rule.then.flatMap((text, line) => {
      try {
        return [readRuleTemplate(text, rule.mode, context)];
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
    const unsafe = safetyFault(
      rule,
      lines.map(({ command }) => command),
    );
    if (unsafe !== undefined) {
      faults.push({ path: [...path, 'mode'], message: unsafe });
    }
    return [ruleOf(rule, lines)];
  });
  if (faults.length > 0) {
    throw faultsError(context.places, faults);
  }
  return rules;
}

const noMatch: Evaluation = { matches: false, reporter: undefined, missing: undefined };

function ruleOf(config: RuleConfig, lines: readonly LineTemplate[]): Rule {
  const { name, mode, alert, when } = config;
  const isAbout = itemTest(config);
  const countReporters = createReporterCounter(config);
  const need = when.distinctReporters?.atLeast ?? 1;
  return {
    name,
    mode,
    alert,
    lines,
    seesTags: when.tags !== undefined || when.roomTags !== undefined,
    evaluate(input) {
      if (!isAbout(input)) {
        return noMatch;
      }
      const { count: have, newest } = countReporters(input);
      if (have >= need) {
        return { matches: true, reporter: newest, missing: undefined };
      }
      return have === 0 ? noMatch : { ...noMatch, missing: { reporters: { have, need } } };
    },
  };
}

const verbs: Readonly<Record<RuleMode, string>> = {
  act: 'act',
  propose: 'propose',
  observe: 'match',
};

/** `rule fresh-account would act at 6 reporters (4 now)`, for a card. */
export function missingText({ name, mode }: Pick<Rule, 'name' | 'mode'>, missing: Missing): string {
  const { have, need } = missing.reporters;
  return `rule ${name} would ${verbs[mode]} at ${count(need, 'reporter')} (${have} now)`;
}
