import type { Registry } from '../chat/command/declaration.ts';
import { recordCommandsIn } from '../chat/command/registry.ts';
import { hourMs } from '../core/duration.ts';
import { TargetError } from '../core/errors.ts';
import { version } from '../core/version.ts';
import type { SyncHealth } from '../matrix/sync/sync.ts';
import { decide } from '../operations/confirm/decide.ts';
import type { DecideContext } from '../operations/confirm/decide.ts';
import type { FindContext } from '../operations/confirm/find-confirmation.ts';
import { stop } from '../operations/execute/stop.ts';
import type { StopContext } from '../operations/execute/stop.ts';
import type { Waiting } from '../operations/execute/waiting.ts';
import type {
  BotOperations,
  HomeserverState,
  ReportReading,
} from '../services/bot/bot-operations.ts';
import type { BotProcess } from '../store/files/lock.ts';
import type { Store } from '../store/store.ts';
import type { Web } from '../web/web.ts';
import type { Transport } from './transport.ts';

/** Builds what commands ask of the bot itself: decide, report its status, and use its direct rooms. */
export function createBotOperations(options: {
  readonly transport: Pick<Transport, 'direct' | 'sendPermission'>;
  readonly store: Store;
  readonly registry: Pick<Registry, 'all'>;
  readonly maxRuleActions: number;
  /** The operations, which are built with the services. */
  readonly context: () => DecideContext &
    FindContext &
    StopContext & { readonly waiting: Pick<Waiting, 'all' | 'of'> };
  readonly syncHealth: () => SyncHealth;
  readonly reportReadings: () => ReportReading[];
  /** Of one that can't be replaced by another, there is no list. */
  readonly processes: () => Promise<readonly BotProcess[]>;
  /** Those beside the first. */
  readonly homeserverStates: () => readonly HomeserverState[];
  /** Undefined if it is off. */
  readonly web: () => Pick<Web, 'closeFor' | 'linkFor'> | undefined;
}): BotOperations {
  const { transport, store } = options;
  const startedAt = Date.now();
  const harmless = recordCommandsIn(options.registry);

  function page(): Pick<Web, 'closeFor' | 'linkFor'> {
    const web = options.web();
    if (web === undefined) {
      throw new TargetError(
        'state',
        'this bot has no page: it is off',
        'Whoever runs the bot can turn it on, with `web.enabled` in the configuration.',
      );
    }
    return web;
  }

  return {
    decide: async (request) => decide(options.context(), request),
    stop: async (request) => stop(options.context(), request),
    waitsFor: (operation) => options.context().waiting.of(operation),
    openDirect: transport.direct.open,
    linkToPage: ({ user, askedBy }) => page().linkFor(user, askedBy),
    closePage: (user) => page().closeFor(user),
    assertDirectIsReadable: transport.direct.assertReadableBy,
    async status() {
      const open = await store.statistics.countPending();
      return {
        version,
        node: process.versions.node,
        startedAt,
        ...options.syncHealth(),
        openInbox: open.inbox,
        openOutbox: open.outbox,
        ruleActions: await store.auditLog.countByRules(Date.now() - hourMs, harmless),
        maxRuleActions: options.maxRuleActions,
        openOperations: open.operations,
        waitingOperations: options.context().waiting.all(),
        scheduledOperations: open.scheduled,
        timers: open.timers,
        whyUnableToSend: transport.sendPermission.whyMissing(),
        dataLoss: await store.dataLoss.get(),
        reportReadings: options.reportReadings(),
        processes: await options.processes(),
        otherHomeservers: options.homeserverStates(),
      };
    },
  };
}
