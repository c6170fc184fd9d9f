import type { Registry } from '../chat/command/declaration.ts';
import { placesOf } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { durationMs } from '../core/duration.ts';
import type { Watched } from '../operations/answer/greeting.ts';
import type { Settings } from '../operations/settings.ts';
import { createCardActions } from '../reports/cards/card-actions.ts';
import { openConfiguredReactions } from '../reports/cards/configured-reactions.ts';
import type { ConfiguredReactions } from '../reports/cards/configured-reactions.ts';
import { createGiveWay } from '../reports/give-way.ts';
import { createRules } from '../reports/rules/rule.ts';
import { isOnSignUps, signUpRulesIn } from '../reports/sign-ups/sign-up-rule.ts';
import { createSignUpWatch } from '../reports/sign-ups/watch.ts';
import type { SignUpWatch } from '../reports/sign-ups/watch.ts';
import { createReportQueue } from '../reports/triage/report-queue.ts';
import type { ReportQueue } from '../reports/triage/report-queue.ts';
import type { ConfiguredRule } from '../services/services.ts';
import type { Store } from '../store/store.ts';
import { traitsIn } from './homeservers.ts';
import type { Operations } from './operations.ts';
import { usualReportTroubleMs } from './timing.ts';
import type { Timing } from './timing.ts';

/** Builds what alerts people about many new accounts, with the rules of the configuration. */
export function createConfiguredSignUpWatch(options: {
  readonly config: Config;
  readonly context: Operations['context'];
  readonly timing: Timing;
  /** Resolves when no command is in flight and all answers are delivered. */
  readonly commandsIdle: () => Promise<void>;
}): SignUpWatch {
  const { config, context, timing, commandsIdle } = options;
  return createSignUpWatch(context, {
    rules: signUpRulesIn(config.reports.rules),
    onCall: config.reports.onCall,
    ignored: config.protected.users,
    intervalMs: timing.signUpPollMs,
    giveWay: createGiveWay(commandsIdle),
    troubleAfterMs: timing.reportTroubleMs ?? usualReportTroubleMs,
  });
}

/** What the bot watches by itself under this configuration. */
export function watchedBy({
  reports,
  protected: { users },
}: Pick<Config, 'protected' | 'reports'>): Watched {
  return {
    reports: reports.enabled,
    ruleModes: reports.enabled
      ? reports.rules.filter((rule) => !isOnSignUps(rule)).map(({ mode }) => mode)
      : [],
    signUpRules: signUpRulesIn(reports.rules).length,
    protectedPatterns: users.length,
  };
}

/** What commands tell of the rules of the configuration. */
export function rulesForCommands({ reports }: Pick<Config, 'reports'>): ConfiguredRule[] {
  return reports.enabled
    ? reports.rules.map(({ name, mode, alert, then, when: { tags, roomTags } }) => ({
        name,
        effect: alert && then.length === 0 ? 'alert' : mode,
        tags,
        roomTags,
      }))
    : [];
}

/** Opens what reactions on cards stand for, with the actions of the configuration. */
export async function openCardReactions(options: {
  readonly config: Config;
  readonly registry: Registry;
  readonly settings: Settings;
  readonly store: Store;
  readonly wakeReports: () => void;
}): Promise<ConfiguredReactions> {
  const { config, registry, settings, store, wakeReports } = options;
  return openConfiguredReactions(
    { store, settings, now: () => Date.now(), wakeReports },
    createCardActions(config.reports.actions, {
      registry,
      serverName: settings.serverName,
      homeservers: settings.homeservers,
      prefix: settings.prefix,
      traitsOf: traitsIn(config),
      places: placesOf(config),
    }),
  );
}

/**
 * Builds the report queue, with the rules of the configuration.
 *
 * @throws SetupError a rule can't be used
 */
export function createReports(options: {
  readonly config: Config;
  readonly registry: Registry;
  readonly context: Operations['context'];
  readonly reactions: ConfiguredReactions;
  readonly timing: Timing;
  /** Resolves when no command is in flight and all answers are delivered. */
  readonly commandsIdle: () => Promise<void>;
}): ReportQueue {
  const { config, registry, context, reactions, timing, commandsIdle } = options;
  const { reports } = config;
  return createReportQueue(context, {
    rules: createRules(reports.rules, {
      registry,
      serverName: context.settings.serverName,
      homeservers: context.settings.homeservers,
      prefix: context.settings.prefix,
      commandRoles: config.roles.commands,
      traitsOf: traitsIn(config),
      places: placesOf(config),
    }),
    pollIntervalMs: timing.pollIntervalMs ?? durationMs(reports.pollInterval),
    onCall: reports.onCall,
    maxCardsPerMinute: reports.maxCardsPerMinute,
    remindAfterMs: durationMs(reports.remindAfter),
    troubleAfterMs: timing.reportTroubleMs ?? usualReportTroubleMs,
    reactions,
    giveWay: createGiveWay(commandsIdle),
  });
}
