import type { Registry } from '../chat/command/declaration.ts';
import type { Config } from '../config/schema.ts';
import { createWorker } from '../core/async/worker.ts';
import { durationMs, hourMs, minuteMs } from '../core/duration.ts';
import { HomeserverError, TargetError, codeOf, isNotFound } from '../core/errors.ts';
import { serverNameOf } from '../core/ids.ts';
import type { RoomAlias } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { CardReactions } from '../operations/answer/card.ts';
import type { HomeserversContext } from '../operations/at-homeserver.ts';
import type { Roles } from '../operations/authorize/authorize.ts';
import { createDenials } from '../operations/authorize/denials.ts';
import { createInFlight, createReconcileTimes } from '../operations/execute/reconcile.ts';
import { recover } from '../operations/execute/recover.ts';
import { runDue } from '../operations/execute/run-due.ts';
import { runScheduled } from '../operations/execute/run-scheduled.ts';
import { createWaiting } from '../operations/execute/waiting.ts';
import type { Members, SendPermission } from '../operations/management-room.ts';
import { createNextPages } from '../operations/parse/expand.ts';
import { createPipeline } from '../operations/pipeline.ts';
import { createAnchoring } from '../operations/record/anchor.ts';
import { applyRetention } from '../operations/record/retention.ts';
import type { Settings } from '../operations/settings.ts';
import type { Services } from '../services/services.ts';
import type { Store } from '../store/store.ts';
import type { Restored } from '../store/witness.ts';
import type { Homeservers } from './homeservers.ts';
import type { Timing } from './timing.ts';
import type { Transport } from './transport.ts';
import type { Witnesses } from './witnesses.ts';

/** How often operations whose outcome is not known are reconciled. */
const recoverEveryMs = 30_000;
/** How soon work that was due and failed is tried again. */
const retryDueMs = 30_000;
/** How often to look whether a head of the audit log is due. */
const usualHeadLookMs = minuteMs;
/** A start says enough in the room. */
const quietAfterStartMs = 15 * minuteMs;

const periodMs = (period: string | undefined) =>
  period === undefined ? undefined : durationMs(period);

export type Operations = ReturnType<typeof createOperations>;

/**
 * Builds what carries out commands: the pipeline of the stages, the worker for what is due (confirmations that
 * expire, scheduled operations), recovery, and the anchoring of the audit log. Nothing runs before `start`.
 */
export function createOperations(options: {
  readonly settings: Settings;
  readonly registry: Registry;
  readonly services: Services;
  readonly homeservers: Homeservers;
  readonly store: Store;
  readonly members: Members;
  readonly roles: Roles;
  readonly log: Log;
  readonly transport: Pick<Transport, 'room' | 'sayStoreFailure'> & {
    readonly sendPermission: SendPermission;
  };
  readonly timing: Pick<Timing, 'headLookMs' | 'retentionLookMs'>;
  readonly cardReactions: CardReactions;
  /** How often heads of the audit log are written, and how long who something was about, and texts, are kept. */
  readonly config: Pick<Config, 'audit' | 'reports'>;
  /** Where heads of the audit log are written. */
  readonly witnesses: Witnesses;
  /** A report has changed. */
  readonly wakeReports: () => void;
}) {
  const { settings, registry, services, store, members, roles, log, transport } = options;
  const { audit, reports } = options.config;
  const { homeservers } = options;

  const atHomeserver: HomeserversContext['atHomeserver'] = (serverName, how) => {
    const homeserver = homeservers.get(serverName, how);
    const { api, botUser, client, requestTimeoutMs, services: own } = homeserver;
    return {
      services: { ...services, ...own },
      settings: { ...settings, serverName, botUser, reconcileAfterMs: requestTimeoutMs },
      findAccount: api.users.find,
      findSimilar: own.accounts.similar,
      resolveAlias: async (alias) =>
        client.rooms.resolveAlias(alias).catch((error: unknown) => {
          throw whyNoRoom(alias, error);
        }),
    };
  };

  const stopping = new AbortController();

  /** Everything that stages need; each of them takes its own part. */
  const context = {
    ...atHomeserver(settings.serverName),
    atHomeserver,
    registry,
    store,
    members,
    roles,
    log,
    ...transport.room,
    sendPermission: transport.sendPermission,
    cardReactions: options.cardReactions,
    inFlight: createInFlight(),
    waiting: createWaiting(),
    stopping: stopping.signal,
    sayNow: transport.sayStoreFailure,
    reconcileTimes: createReconcileTimes(),
    denials: createDenials(),
    nextPages: createNextPages(),
    now: () => Date.now(),
    expireAt: (at: number) => due.wakeAt(at),
    recoverAt: (at: number) => recovery.wakeAt(at),
    wakeTimers: () => due.wake(),
    wakeReports: options.wakeReports,
  };

  const pipeline = createPipeline(context, transport.sayStoreFailure);
  let isRunning = false;
  /** Expires confirmations, and starts scheduled operations. */
  const due = createWorker({
    async work(signal) {
      await pipeline.expireConfirmations();
      // Operations that an earlier process left are finished first.
      if (isRunning) {
        const run: Parameters<typeof runDue>[0]['run'] = async (...due) =>
          runScheduled(context, ...due);
        const { nextAt } = await runDue({ store, run, now: context.now }, signal);
        if (nextAt !== undefined) {
          due.wakeAt(nextAt);
        }
      }
    },
    onError(error) {
      log.error({ err: error }, 'work that was due failed');
      due.wakeIn(retryDueMs);
    },
    now: context.now,
  });
  const recovery = createWorker({
    async work() {
      await recover(context);
      await pipeline.handleAgain();
    },
    onError: (error) => log.error({ err: error }, 'recovery failed'),
  });
  const builtAt = performance.now();
  const quietMs = options.timing.headLookMs ?? quietAfterStartMs;
  let toldRestoration: Restored | undefined;
  const anchoring = createWorker({
    work: createAnchoring({
      ...context,
      ...options.witnesses,
      anchorEvery: { rows: audit.anchorEvery.entries, ms: durationMs(audit.anchorEvery.time) },
      showsHeads: () => performance.now() - builtAt >= quietMs,
      toldRestoration: () => toldRestoration,
    }),
    onError(error) {
      log.warn({ code: codeOf(error) }, 'the head of the audit log could not be anchored');
    },
  });
  const retention = createWorker({
    work: async () =>
      applyRetention(context, {
        entriesMs: periodMs(audit.keepContentFor),
        reportsMs: periodMs(reports.keepContentFor),
      }),
    onError(error) {
      log.warn({ code: codeOf(error) }, 'what was kept long enough could not be forgotten');
    },
  });
  const intervals: NodeJS.Timeout[] = [];

  return {
    context,
    pipeline,

    /** Ends what a crash interrupted, then handles the events that were received before. */
    async start(): Promise<void> {
      await recover(context);
      await pipeline.resume();
      await pipeline.expireConfirmations();
    },

    /**
     * Runs timers, recovery and anchoring from now on.
     *
     * @param restored the restored database that the admins were told of at this start
     */
    run(restored: Restored | undefined): void {
      isRunning = true;
      toldRestoration = restored;
      due.wake();
      intervals.push(
        setInterval(recovery.wake, recoverEveryMs).unref(),
        setInterval(retention.wake, options.timing.retentionLookMs ?? hourMs).unref(),
        setInterval(anchoring.wake, options.timing.headLookMs ?? usualHeadLookMs).unref(),
      );
    },

    /** The bot can send messages again. */
    wake(): void {
      due.wake();
      recovery.wake();
    },

    /** The homeserver answers again: it may know outcomes now. */
    recover: recovery.wake,

    /** Begins nothing more, and resolves when no call is in flight. */
    async stop(): Promise<void> {
      stopping.abort();
      intervals.forEach((interval) => clearInterval(interval));
      void due.stop();
      void recovery.stop();
      void anchoring.stop();
      void retention.stop();
      await pipeline.stop();
    },
  };
}

/** Why an alias leads to no room. Synapse answers 502 if the homeserver of the alias doesn't answer it. */
function whyNoRoom(alias: RoomAlias, error: unknown): unknown {
  if (isNotFound(error)) {
    return new TargetError('unknown_room', `no room has the alias ${alias}`);
  }
  return error instanceof HomeserverError && error.status === 502
    ? new TargetError(
        'unknown_room',
        `${serverNameOf(alias) ?? 'its homeserver'} does not answer, so I can’t find the room ${alias}`,
        'Check the name after the colon, or give the room’s ID, which begins with `!`.',
      )
    : error;
}
