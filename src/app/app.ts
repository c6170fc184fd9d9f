import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { bold, code, line } from '../chat/answers/answer.ts';
import type { Answer } from '../chat/answers/answer.ts';
import { clock, dateTime } from '../chat/answers/phrases.ts';
import { loadCommands } from '../chat/command/load-commands.ts';
import { createRegistry } from '../chat/command/registry.ts';
import { writeListenAddress } from '../config/listen.ts';
import { placesOf } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { dayMs, durationMs, hourMs, minuteMs } from '../core/duration.ts';
import {
  HomeserverError,
  SetupError,
  TargetError,
  UnreachableError,
  codeOf,
} from '../core/errors.ts';
import type { RoomId } from '../core/ids.ts';
import { version } from '../core/version.ts';
import { createAdminApi } from '../homeserver/admin/admin-api.ts';
import { createClientApi } from '../homeserver/client/client-api.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import { clearText } from '../matrix/crypto/room-crypto.ts';
import type { RoomCrypto } from '../matrix/crypto/room-crypto.ts';
import { createDelivery } from '../matrix/delivery/deliver.ts';
import { readOwnMessages } from '../matrix/delivery/own-messages.ts';
import { readRoomFile } from '../matrix/delivery/room-file.ts';
import { createSendPermission } from '../matrix/delivery/send-permission.ts';
import { createDirectMessages } from '../matrix/direct/direct.ts';
import { peopleOf } from '../matrix/direct/people-of.ts';
import { createSecrets } from '../matrix/direct/secrets.ts';
import { readEvents } from '../matrix/sync/read-event.ts';
import { RoomState } from '../matrix/sync/room-state.ts';
import { createSync, usualLongPollMs } from '../matrix/sync/sync.ts';
import type { RoomSync } from '../matrix/sync/sync.ts';
import { sayUnreadable } from '../matrix/sync/unreadable.ts';
import { createMoves, followUpgrade } from '../matrix/sync/upgrade.ts';
import type { Moves } from '../matrix/sync/upgrade.ts';
import type { Logger } from '../observability/log.ts';
import { openProbes } from '../observability/probes.ts';
import type { Probes } from '../observability/probes.ts';
import { alarmOf, raiseAlarm } from '../operations/answer/alarms.ts';
import { reportIntrusion } from '../operations/answer/alarms.ts';
import { createDenials } from '../operations/authorize/denials.ts';
import { createOpenRoomWarning } from '../operations/authorize/open-room.ts';
import { joinedAdmins } from '../operations/authorize/roles.ts';
import { createRoles } from '../operations/authorize/roles.ts';
import { decideConfirmation } from '../operations/confirm/decide.ts';
import { findConfirmation } from '../operations/confirm/find-confirmation.ts';
import { createInFlight, createReconcileTimes } from '../operations/execute/reconcile.ts';
import { recover } from '../operations/execute/recover.ts';
import { createTimers, runTimer } from '../operations/execute/run-timers.ts';
import type { House } from '../operations/house.ts';
import { createNextPages } from '../operations/parse/expand.ts';
import { createPipeline } from '../operations/pipeline.ts';
import type { Pipeline } from '../operations/pipeline.ts';
import { anchorHead } from '../operations/record/anchor.ts';
import { setDamagedAside, setPlaceAside } from '../operations/record/damaged-rows.ts';
import { compareWithRoom } from '../operations/record/room-record.ts';
import { createRules } from '../reports/rules/rule.ts';
import { createReportQueue } from '../reports/triage/report-queue.ts';
import type { ReportQueue } from '../reports/triage/report-queue.ts';
import type { BotOperations } from '../services/bot/bot.ts';
import { createMetricsSnapshot } from '../services/bot/metrics-snapshot.ts';
import { createServices } from '../services/services.ts';
import { takeLock } from '../store/files/lock.ts';
import type { Lock } from '../store/files/lock.ts';
import { makeFolderPrivate } from '../store/files/private-files.ts';
import type { Warn } from '../store/files/private-files.ts';
import { openStore, transactionIdFor } from '../store/store.ts';
import type { Store } from '../store/store.ts';
import { RestartNeeded, keepRunning } from './restart.ts';
import { checkSetup } from './setup.ts';
import type { Setup } from './setup.ts';

/** A running bot. */
export interface App {
  /** Ends what is under way and closes the database. */
  stop(): Promise<void>;
  /** Resolves or rejects when the bot can't go on. */
  readonly ended: Promise<never>;
}

const firstRetryMs = 1000;
const maxRetryMs = 30_000;
/** How often a decision that waits looks for its confirmation, where nothing is delivered meanwhile. */
const usualDeliveryPatienceMs = 10_000;
/** How often the homeserver is asked about work whose end is not known. */
const recoverEveryMs = 30_000;
/** How often the bot looks whether the head of the audit log is to be written into the room. */
const usualHeadLookMs = 15 * minuteMs;
const usualSyncMarginMs = 15_000;
const usualReportTroubleMs = 5 * minuteMs;

/** How long the bot waits for the homeserver, where that is not as usual. */
export interface Timing {
  /** For one request. */
  readonly requestTimeoutMs?: number;
  /** For a sync when there is nothing new; less than for a request. */
  readonly longPollMs?: number;
  /** Besides two long polls: so long a sync may be late before the bot is not ready. */
  readonly syncMarginMs?: number;
  /** Between two confirmations for new reports. */
  readonly pollIntervalMs?: number;
  /** Reports that can't be read for so long are told in the room. */
  readonly reportTroubleMs?: number;
  /** For the next message to be delivered, until a decision looks for its confirmation again. */
  readonly deliveryPatienceMs?: number;
  /** Until the bot tries to speak again, the first time. */
  readonly voiceRetryMs?: number;
  /** Between two looks whether the head of the audit log is to be posted. */
  readonly headLookMs?: number;
}

/** The client-server API under this configuration. */
export function createClient(
  { homeserver: { url, accessToken } }: Config,
  stop: AbortSignal,
  { requestTimeoutMs }: Timing = {},
): ClientApi {
  return createClientApi({ url, accessToken, stop, maxTimeoutMs: requestTimeoutMs });
}

/**
 * Starts the bot; resolves when the first sync is under way. It starts again by itself in the room that
 * replaces the management room.
 *
 * @throws SetupError it can't work like this, and what to do
 */
export async function startApp(config: Config, log: Logger, timing: Timing = {}): Promise<App> {
  return keepRunning(async () => startOnce(config, log, timing));
}

async function startOnce(config: Config, log: Logger, timing: Timing): Promise<App> {
  const stopping = new AbortController();
  const { listen } = config.http;
  const probes = await openProbes(
    listen === 'off' ? undefined : { ...listen, written: writeListenAddress(listen) },
    { version, log },
  );
  let store: Store | undefined;
  let keys: Lock | undefined;
  try {
    const client = createClient(config, stopping.signal, timing);
    const warn = (warning: string) => log.warn({}, warning);
    const opened = await openStore(config.database.path, { lock: true, warn });
    store = opened;
    const moves = createMoves(opened.syncState);
    keys = config.encryption.enabled ? lockKeys(config.encryption.path, warn) : undefined;
    const setup = await untilAnswered(log, stopping.signal, async () =>
      checkSetup(config, client, moves),
    );
    return await buildHouse({
      config,
      log,
      client,
      moves,
      store,
      keys,
      probes,
      setup,
      stopping,
      timing,
    });
  } catch (error) {
    stopping.abort();
    keys?.release();
    await store?.close();
    await probes.close();
    throw error;
  }
}

/** One bot at a time uses a folder of keys: two would use up each other's. */
function lockKeys(folder: string, warn: Warn): Lock {
  makeFolderPrivate(folder, warn);
  return takeLock(path.join(folder, 'lock'), `the keys in ${folder}`, 'encryption.path');
}

/** A homeserver that starts together with the bot may take its time. */
async function untilAnswered<Answer>(
  log: Logger,
  signal: AbortSignal,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  for (let delayMs = firstRetryMs; ; delayMs = Math.min(delayMs * 2, maxRetryMs)) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error)) {
        throw error;
      }
      log.warn({ reason: error.message, delayMs }, 'waiting for the homeserver');
      await wait(delayMs, undefined, { signal });
    }
  }
}

function isPassing(error: unknown): error is HomeserverError | UnreachableError {
  return (
    error instanceof UnreachableError ||
    (error instanceof HomeserverError && (error.status >= 500 || error.status === 429))
  );
}

interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly client: ClientApi;
  readonly moves: Moves;
  readonly store: Store;
  readonly keys: Lock | undefined;
  readonly probes: Probes;
  readonly setup: Setup;
  readonly stopping: AbortController;
  readonly timing: Timing;
}

async function buildHouse(parts: Parts): Promise<App> {
  const { config, log, client, moves, store, keys, probes, setup, stopping, timing } = parts;
  const startedAt = Date.now();
  const { url, adminUrl = url, accessToken } = config.homeserver;
  const {
    requestTimeoutMs = durationMs(config.homeserver.requestTimeout),
    longPollMs,
    deliveryPatienceMs = usualDeliveryPatienceMs,
    headLookMs = usualHeadLookMs,
  } = timing;
  const api = createAdminApi({ url: adminUrl, accessToken, requestTimeoutMs });
  const registry = createRegistry(await loadCommands());
  const unknown = Object.keys(config.roles.commands).find(
    (name) => registry.find(name)?.name !== name,
  );
  if (unknown !== undefined) {
    throw new SetupError(`roles.commands.${unknown}: there is no such command.`);
  }
  const movedAt = await moves.intoAt(setup.room);
  const members = new RoomState();
  setup.roomState.forEach((event) => members.apply(event));
  const crypto = await createCrypto(config, client, setup, log);
  /** Says something to the admins here at once, and throws if the room does not take it. */
  const sayNow = async (about: string, answer: Answer) => {
    const name = `${about} ${Date.now()}`;
    await delivery.sendNow(alarmOf(house, name, answer), transactionIdFor(name, about));
  };
  const ended = Promise.withResolvers<never>();
  ended.promise.catch((error: unknown) => {
    if (!(error instanceof RestartNeeded)) {
      probes.over('can’t go on');
    }
  });
  let upgradeAdvice = '';
  const sendPermission = createSendPermission({
    log,
    firstRetryMs: timing.voiceRetryMs,
    fault: () => members.silence(setup.botUser),
    async regain(why) {
      const found = members.silence(setup.botUser);
      const { tombstone } = members;
      if (tombstone !== undefined) {
        const next = await followUpgrade(
          client,
          { room: setup.room, tombstone },
          (user) => house.roles.of(user) === 'admin',
        );
        if ('refused' in next) {
          upgradeAdvice = next.advice;
          return `${found}, and ${next.refused}`;
        }
        await moves.remember(setup.room, next.room);
        log.warn(
          { from: setup.room, to: next.room },
          'following the upgrade of the management room',
        );
        sendPermission.stop();
        ended.reject(new RestartNeeded());
      } else if (found === undefined) {
        await sayNow('sendPermission', {
          mark: '⚠️',
          title: [bold('I could not speak here: '), why],
          body: [line('What was asked meanwhile is done now, unless it is too old.')],
        });
      }
      return found;
    },
    async tell(why) {
      const advice = [
        'No command, rule or timer is carried out until I can.',
        members.tombstone === undefined
          ? 'Look whether my account is suspended, and whether my power level there is enough for messages.'
          : upgradeAdvice,
      ];
      for (const admin of joinedAdmins(house)) {
        await direct
          .tell(admin, [`I can’t speak in the management room ${setup.room}: ${why}.`, ...advice])
          .catch((error: unknown) => {
            log.warn({ code: codeOf(error) }, 'an admin could not be told that I can’t speak');
          });
      }
      if (members.tombstone !== undefined) {
        // A closed room may still take messages of those with a high power level.
        await sayNow('closed', {
          mark: '⚠️',
          title: [bold('I no longer act here: '), why],
          body: advice.map((sentence) => line(sentence)),
        }).catch((error: unknown) => {
          log.info({ code: codeOf(error) }, 'the closed room takes no message');
        });
      }
    },
    onRegained() {
      timers.wake();
      reports?.wake();
      recovery.at(house.now());
    },
  });
  const delivery = createDelivery({
    sendPermission,
    client,
    crypto,
    outbox: store.outbox,
    room: setup.room,
    since: movedAt ?? 0,
    prefix: config.commands.prefix,
    log,
    signal: stopping.signal,
  });

  // The pipeline, the services, the sync and the report queue need one another; these are the three knots.
  let pipeline: Pipeline | undefined;
  let sync: RoomSync | undefined;
  let reports: ReportQueue | undefined;
  const wakeReports = () => reports?.wake();
  const secretsKeptMs = durationMs(config.secrets.keepFor);
  const secretRemoval = createAlarm(log, 'removing secrets failed', async () =>
    secrets.removeDue(),
  );
  const secrets = createSecrets({
    client,
    crypto,
    store: store.secrets,
    botUser: setup.botUser,
    keepForMs: secretsKeptMs,
    log,
    wakeAt: secretRemoval.at,
    onIntrusion: async (intrusion) => reportIntrusion(house, intrusion),
  });
  const direct = createDirectMessages({
    client,
    crypto,
    store: store.syncState,
    secrets,
    botUser: setup.botUser,
    join: async (room, user) => {
      await api.rooms.join(room, user, {});
    },
    // A time of day says enough where it comes but once.
    clock: secretsKeptMs < 12 * hourMs ? clock : dateTime,
  });
  const operations: BotOperations = {
    async settle({ decision, code, by, event }) {
      const confirmation = await findConfirmation(house, { code, by, event, decision });
      return decideConfirmation(house, confirmation, { decision, by, event });
    },
    openDirect: direct.open,
    assertDirectIsReadable: direct.assertReadableBy,
    async redact({ room, event, reason, by }) {
      await client.events.redact(room, event, transactionIdFor(by, `redact ${event}`), reason);
    },
    async status() {
      const [inbox, outbox, executions] = await Promise.all([
        store.inbox.open(),
        store.outbox.open(),
        store.executions.open(),
      ]);
      return {
        version,
        node: process.versions.node,
        startedAt,
        ...(sync?.health ?? { online: false, lastSyncAt: undefined, failures: 0 }),
        openInbox: inbox.length,
        openOutbox: outbox.length,
        ruleActions: await store.auditLog.countByRules(Date.now() - hourMs),
        maxRuleActions: config.reports.maxActionsPerHour,
        openExecutions: executions.length,
        dataLoss: await store.dataLoss.get(),
        reportReadings: reports?.readings() ?? [],
      };
    },
  };
  const expiry = createAlarm(log, 'expiring failed', async () => pipeline?.expireConfirmations());
  const recovery = createAlarm(log, 'recovery failed', async () => recover(house));
  const services = createServices({
    api,
    store,
    wakeReports,
    bot: operations,
    botUser: setup.botUser,
    serverName: setup.serverName,
    managementRoom: setup.room,
  });
  const house: House = {
    settings: {
      prefix: config.commands.prefix,
      maxAgeMs: durationMs(config.commands.maxAge),
      confirmationExpiresAfterMs: durationMs(config.confirmation.expiresAfter),
      reconcileAfterMs: requestTimeoutMs,
      confirmation: config.confirmation,
      proposalExpiresAfterMs: durationMs(config.reports.proposalExpiresAfter),
      maxRuleActionsPerHour: config.reports.maxActionsPerHour,
      serverName: setup.serverName,
      botUser: setup.botUser,
      managementRoom: setup.room,
    },
    registry,
    services,
    store,
    members,
    roles: createRoles({
      settings: config.roles,
      members,
      botUser: setup.botUser,
      protectedUsers: config.protected.users,
    }),
    log,
    inFlight: createInFlight(),
    reconcileTimes: createReconcileTimes(),
    denials: createDenials(),
    now: () => Date.now(),
    nextPages: createNextPages(),
    findAccount: api.users.find,
    findSimilar: services.accounts.similar,
    readFile: async (event) => readRoomFile({ client, crypto }, setup.room, event),
    peopleOf: async (event) => peopleOf({ client, crypto }, setup.room, event),
    redact: async (event, reason) => {
      await client.events.redact(setup.room, event, transactionIdFor(event, 'redact'), reason);
    },
    resolveAlias: async (alias) => {
      try {
        return await client.rooms.resolveAlias(alias);
      } catch (error) {
        throw isNotFound(error)
          ? new TargetError('unknown_room', `there is no room ${alias}`)
          : error;
      }
    },
    deliver: delivery.deliver,
    delivered: async () => {
      await Promise.race([delivery.next(), wait(deliveryPatienceMs, undefined, { ref: false })]);
    },
    expireAt: expiry.at,
    recoverAt: recovery.at,
    sendPermission,
    wakeTimers: () => timers.wake(),
    wakeReports,
  };
  const flow = createPipeline(house, async (outgoing) =>
    delivery.sendNow(outgoing, transactionIdFor(outgoing.origin.event, 'store-failure')),
  );
  pipeline = flow;

  const queue = createReportQueue(house, {
    rules: createRules(config.reports.rules, {
      registry,
      serverName: setup.serverName,
      prefix: config.commands.prefix,
      commandRoles: config.roles.commands,
      places: placesOf(config),
    }),
    pollIntervalMs: timing.pollIntervalMs ?? durationMs(config.reports.pollInterval),
    onCall: config.reports.onCall,
    maxCardsPerMinute: config.reports.maxCardsPerMinute,
    remindAfterMs: durationMs(config.reports.remindAfter),
    troubleAfterMs: timing.reportTroubleMs ?? usualReportTroubleMs,
  });
  reports = queue;

  const warnIfOpen = createOpenRoomWarning(house, () => members.openings());
  const timers = createTimers({
    store,
    run: async (timer) => runTimer(house, timer),
    now: house.now,
    onError: (error) => log.error({ err: error }, 'a timer failed'),
  });

  await setDamagedAside(house);
  // Before anything is begun: what the room shows as done was done, whatever the database says.
  const own = await untilAnswered(log, stopping.signal, async () =>
    readOwnMessages({ client, crypto }, setup.room, setup.botUser, async (event) => {
      return (await store.outbox.commandOf(event)) !== undefined;
    }),
  );
  await compareWithRoom(house, own);

  sendPermission.look();
  // What a crash left open is ended before anything new is begun.
  await recover(house);
  await flow.resume();
  await flow.expireConfirmations();
  await secrets.start();
  await warnIfOpen();
  if (movedAt !== undefined) {
    await tellMove(house, setup);
    await forgetPlace(store.syncState, setup.room);
  }
  delivery.deliver();
  timers.wake();

  const recovering = setInterval(() => recovery.at(house.now()), recoverEveryMs);
  recovering.unref();
  const posting = setInterval(() => {
    anchorHead(house).catch((error: unknown) => {
      log.warn({ code: codeOf(error) }, 'the head of the audit log could not be posted');
    });
  }, headLookMs);
  posting.unref();

  const running = createSync({
    client,
    room: setup.room,
    botUser: setup.botUser,
    crypto,
    store: store.syncState,
    log,
    longPollMs,
    watched: { rooms: secrets.rooms, changed: (room) => void secrets.check(room) },
    giveUp: async (events) => sayUnreadable(house, setup.room, events, crypto.withheld),
    async take(events, how) {
      events.forEach((event) => members.apply(event));
      // Before what these events ask for is begun.
      sendPermission.look();
      await warnIfOpen();
      const incoming = readEvents(setup.room, events);
      await (how === 'first' ? flow.skip(incoming) : flow.accept(incoming));
    },
    onCut: async () =>
      raiseAlarm(house, `gap ${house.now()}`, {
        mark: '⚠️',
        title: [bold('I did not read all that was said while I was away: '), 'it is too much'],
        body: [
          line(
            'Who has which role here is known. Commands that I missed were not carried out and are not answered: send them again.',
          ),
        ],
      }),
    // Outcomes that only the homeserver knows can be asked for again.
    onOnline() {
      recovery.at(house.now());
      queue.hurry();
    },
    placeRefused: async (token) => setPlaceAside(house, token),
    onFatal: ended.reject,
  });
  sync = running;
  probes.watch({
    syncAgeMs: () => running.ageMs,
    syncFailures: () => running.health.failures,
    reportReadings: queue.readings,
    maxSyncAgeMs: 2 * (longPollMs ?? usualLongPollMs) + (timing.syncMarginMs ?? usualSyncMarginMs),
    silence: sendPermission.silence,
    maxReportFailureMs: timing.reportTroubleMs ?? usualReportTroubleMs,
    readDatabase: store.statistics.ping,
    figures: createMetricsSnapshot(
      store,
      config.reports.rules.map(({ name, mode }) => ({ rule: name, mode })),
    ).read,
  });
  await running.start();
  if (config.reports.enabled) {
    queue.start();
  }
  probes.started();
  log.info(
    { user: setup.botUser, room: setup.room, synapse: setup.serverVersion, version },
    'Lawspeaker is at work',
  );

  return {
    ended: ended.promise,
    async stop() {
      probes.over('is stopping');
      running.stop();
      sendPermission.stop();
      expiry.stop();
      recovery.stop();
      secretRemoval.stop();
      timers.stop();
      clearInterval(recovering);
      clearInterval(posting);
      const ending = Promise.all([flow.stop(), queue.stop()]);
      log.info('what is under way is ended, and nothing more is begun');
      await ending;
      await Promise.race([delivery.idle(), wait(5000, undefined, { ref: false })]);
      stopping.abort();
      crypto.close();
      keys?.release();
      await store.close();
      await probes.close();
    },
  };
}

/** Says once, in the room that has replaced the management room, that the bot is here now. */
async function tellMove(house: House, { room, configuredRoom }: Setup): Promise<void> {
  await raiseAlarm(house, `moved ${room}`, {
    mark: '⚠️',
    title: [bold('I have moved here: '), 'this room has replaced the management room'],
    body: [
      ...(room === configuredRoom
        ? []
        : [line('Set ', code('managementRoom'), ' to ', code(room), ' in my configuration.')]),
      line(
        'Commands typed here before this message are not carried out: send them again. Answers that were waiting for the old room come here. For open reports, use the command below.',
      ),
    ],
    next: ['reports'],
  });
}

/** The place in the old room's events says nothing about the new room, which is read from now on. */
async function forgetPlace(state: Store['syncState'], room: RoomId): Promise<void> {
  if ((await state.get('placeIn')) !== room) {
    await state.set('token', undefined);
    await state.set('placeIn', room);
  }
}

/** Encryption for the management room and for direct rooms, or none. */
async function createCrypto(
  config: Config,
  client: ClientApi,
  { botUser, room, roomState }: Setup,
  log: Logger,
): Promise<RoomCrypto> {
  const crypto = config.encryption.enabled
    ? // The SDK is loaded only if encryption is on.
      await (
        await import('../matrix/crypto/encryption.ts')
      ).openRoomCrypto({
        client,
        folder: config.encryption.path,
        botUser,
        log,
      })
    : clearText(
        async (other) => (await client.rooms.findState(other, 'm.room.encryption')) !== undefined,
      );
  await crypto.follow(room, roomState);
  return crypto;
}

function isNotFound(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'isNotFound' in error &&
    error.isNotFound === true
  );
}

/** One timer for whatever is due next. */
function createAlarm(log: Logger, complaint: string, ring: () => Promise<void>) {
  let timer: NodeJS.Timeout | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  let isStopped = false;
  return {
    at(at: number) {
      if (at >= dueAt || isStopped) {
        return;
      }
      dueAt = at;
      clearTimeout(timer);
      timer = setTimeout(
        () => {
          dueAt = Number.POSITIVE_INFINITY;
          ring().catch((error: unknown) => log.error({ err: error }, complaint));
        },
        // A day at most: longer timers overflow, and the next round asks again.
        Math.min(Math.max(0, at - Date.now()), dayMs),
      );
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
