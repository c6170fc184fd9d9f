import { loadCommands } from '../chat/command/load-commands.ts';
import { createRegistry } from '../chat/command/registry.ts';
import type { Registry } from '../chat/command/registry.ts';
import { databasePlace } from '../config/database-place.ts';
import { placesOf } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { isLate } from '../core/async/patience.ts';
import { durationMs } from '../core/duration.ts';
import { SetupError } from '../core/errors.ts';
import { present } from '../core/present.ts';
import { version } from '../core/version.ts';
import { createAdminApi } from '../homeserver/admin/admin-api.ts';
import type { AdminApi } from '../homeserver/admin/admin-api.ts';
import { createClientApi } from '../homeserver/client/client-api.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import { announceCommands } from '../matrix/room/announce-commands.ts';
import { RoomState } from '../matrix/room/room-state.ts';
import { createMoves } from '../matrix/room/upgrade.ts';
import type { Moves } from '../matrix/room/upgrade.ts';
import type { RoomSync } from '../matrix/sync/sync.ts';
import type { Logger } from '../observability/log.ts';
import type { Probes } from '../observability/probes.ts';
import { raiseAlarm } from '../operations/answer/alarms.ts';
import { greet } from '../operations/answer/greeting.ts';
import type { Watched } from '../operations/answer/greeting.ts';
import { createRoles } from '../operations/authorize/authorize.ts';
import { awaitedModerators } from '../operations/authorize/invited.ts';
import { createOpenRoomWarning, openingsOf } from '../operations/authorize/open-room.ts';
import type { Settings } from '../operations/settings.ts';
import { createCardActions } from '../reports/cards/card-actions.ts';
import { openConfiguredReactions } from '../reports/cards/configured-reactions.ts';
import { isOnSignUps, signUpRulesIn } from '../reports/sign-ups/sign-up-rule.ts';
import type { SignUpWatch } from '../reports/sign-ups/watch.ts';
import type { ReportQueue } from '../reports/triage/report-queue.ts';
import type { DelegationService } from '../services/delegation/delegation.ts';
import { createServices } from '../services/services.ts';
import { lockDatabase } from '../store/database.ts';
import type { DatabaseLock, Lease, Lock } from '../store/files/lock.ts';
import { openStore } from '../store/store.ts';
import type { Store } from '../store/store.ts';
import { AddressError } from './ask-homeserver.ts';
import { createBotOperations } from './bot-operations.ts';
import { arriveInRoom, checkDatabase } from './check-start.ts';
import { createOperations } from './operations.ts';
import type { Operations } from './operations.ts';
import { openConfiguredProbes, watchBot } from './probes.ts';
import { createConfiguredSignUpWatch, createReports, rulesForCommands } from './reports.ts';
import { RestartNeeded, keepRunning } from './restart.ts';
import { checkSetup } from './setup.ts';
import type { Setup } from './setup.ts';
import { createRoomSync } from './sync.ts';
import type { Timing } from './timing.ts';
import { createTransport, lockKeys } from './transport.ts';
import { untilAnswered } from './until-answered.ts';
import { watchMas } from './watch-mas.ts';
import { openConfiguredWeb } from './web.ts';
import { createWitnesses } from './witnesses.ts';

/** A running bot. */
export interface App {
  /** Finishes the work in progress and closes the database. */
  stop(): Promise<void>;
  /** Resolves or rejects when the bot can't continue. */
  readonly ended: Promise<never>;
}

/** How long to wait for a database that went away while the bot ran. */
const restartPatienceMs = 60_000;

/** When the bot stops, messages that are not sent by then are left for the next start. */
const stopPatienceMs = 5000;

/** The client-server API under this configuration. */
export function createClient(
  { homeserver: { url, accessToken } }: Config,
  stop: AbortSignal,
  { requestTimeoutMs }: Timing = {},
  lease?: Lease,
): ClientApi {
  return createClientApi({
    url,
    accessToken,
    stop,
    maxTimeoutMs: requestTimeoutMs,
    assertMayChange: lease?.assertHeld,
  });
}

/**
 * Starts the bot; resolves when the first sync is in flight. If another room replaces the management room,
 * the bot starts again there; also if its database was away, or another process has taken over.
 *
 * @throws SetupError it can't work like this, and what to do
 */
export async function startApp(config: Config, log: Logger, timing: Timing = {}): Promise<App> {
  let patienceMs = 0;
  return keepRunning(async (signal) => {
    const app = await startOnce(config, log, timing, { patienceMs, signal });
    patienceMs = restartPatienceMs;
    return app;
  });
}

async function startOnce(
  config: Config,
  log: Logger,
  timing: Timing,
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<App> {
  const stopping = new AbortController();
  signal.addEventListener('abort', () => stopping.abort(), {
    once: true,
    signal: stopping.signal,
  });
  const warn = (warning: string) => log.warn({}, warning);
  let probes: Probes | undefined;
  let lock: DatabaseLock | undefined;
  let store: Store | undefined;
  let keys: Lock | undefined;
  try {
    // First of all: a second bot with this configuration must hear of the first one, not of its port.
    lock = await lockDatabase(databasePlace(config.database), {
      warn,
      patienceMs,
      signal: stopping.signal,
      async onStandby(leader) {
        probes = await openConfiguredProbes(config, log);
        probes.standsBy();
        log.info({ leader }, 'another process leads; this one stands by');
      },
    });
    const { lease } = lock;
    // While it starts, nothing else notices.
    lease?.lost.catch(() => stopping.abort());
    probes ??= await openConfiguredProbes(config, log);
    const client = createClient(config, stopping.signal, timing, lease);
    const inform = (message: string) => log.info({}, message);
    const interrupted = Promise.withResolvers<void>();
    const opened = await openStore(databasePlace(config.database), {
      inform,
      lock,
      onInterrupted: interrupted.resolve,
    });
    store = opened;
    const moves = createMoves(opened.syncState);
    keys = config.encryption.enabled
      ? await lockKeys(config.encryption.path, { warn, lease, signal: stopping.signal })
      : undefined;
    // The first sync stores its token; a move to another room discards the token, and stores the place.
    const { get } = opened.syncState;
    const hasWorked = ((await get('token')) ?? (await get('placeIn'))) !== undefined;
    const setup = await untilAnswered(
      log,
      stopping.signal,
      async () => checkSetup(config, client, moves, lease?.assertHeld),
      (error) => hasWorked && error instanceof AddressError,
    );
    return await run({
      config,
      log,
      client,
      moves,
      store,
      lock,
      keys,
      probes,
      setup,
      stopping,
      interrupted: interrupted.promise,
      timing,
    });
  } catch (error) {
    stopping.abort();
    keys?.release();
    await store?.close();
    await lock?.release();
    await probes?.close();
    throw error;
  }
}

interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly client: ClientApi;
  readonly moves: Moves;
  readonly store: Store;
  /** Of the database. */
  readonly lock: DatabaseLock;
  readonly keys: Lock | undefined;
  readonly probes: Probes;
  readonly setup: Setup;
  readonly stopping: AbortController;
  /** Resolves when a transaction was cut off. */
  readonly interrupted: Promise<void>;
  readonly timing: Timing;
}

/** Builds the parts of the bot, in the order of what needs what, and starts them. */
async function run(parts: Parts): Promise<App> {
  const { config, log, client, moves, store, lock, keys, probes, setup, stopping, timing } = parts;
  const { url, adminUrl = url, accessToken } = config.homeserver;
  const { requestTimeoutMs = durationMs(config.homeserver.requestTimeout) } = timing;
  const synapse = createAdminApi({
    url: adminUrl,
    accessToken,
    requestTimeoutMs,
    assertMayChange: lock.lease?.assertHeld,
  });
  const { api, delegation } = await apiFor(synapse, setup, timing);
  const registry = await createConfiguredRegistry(config);
  const settings = settingsFrom(config, setup, requestTimeoutMs);
  const members = new RoomState();
  setup.roomState.forEach((event) => members.apply(event));
  const roles = createRoles({
    settings: config.roles,
    members,
    botUser: setup.botUser,
    protectedUsers: config.protected.users,
  });
  const ended = Promise.withResolvers<never>();
  ended.promise.catch((error: unknown) => {
    if (!(error instanceof RestartNeeded)) {
      probes.over('can’t go on');
    }
  });

  const restartIfInterrupted = async () => {
    await parts.interrupted;
    log.warn({}, 'the database was away: starting again');
    ended.reject(new RestartNeeded());
  };
  void restartIfInterrupted();
  lock.lease?.lost.catch(() => {
    log.warn({}, 'another process has taken over: starting again, to stand by');
    ended.reject(new RestartNeeded());
  });

  // These are built after parts that call them, which only happens later.
  let operations: Operations | undefined;
  let sync: RoomSync | undefined;
  let reports: ReportQueue | undefined;
  let signUps: SignUpWatch | undefined;
  const readings = () => [...(reports?.readings() ?? []), ...(signUps?.readings() ?? [])];
  const wakeReports = () => reports?.wake();
  const refreshReports = async () => reports?.refresh();

  const transport = await createTransport({
    config,
    log,
    client,
    api,
    store,
    moves,
    setup,
    members,
    roles,
    settings,
    timing,
    signal: stopping.signal,
    onRegained() {
      operations?.wake();
      wakeReports();
    },
    onMoved: () => ended.reject(new RestartNeeded()),
  });
  const { crypto } = transport;
  const { botUser, room } = setup;
  const { witnesses, formerWitnesses } = createWitnesses(config, {
    client,
    crypto,
    store,
    botUser,
    room,
    joins: true,
  });
  const services = createServices({
    api,
    client,
    delegation,
    store,
    witnesses,
    formerWitnesses,
    anchorEveryMs: durationMs(config.audit.anchorEvery.time),
    rules: rulesForCommands(config),
    wakeReports,
    refreshReports,
    bot: createBotOperations({
      transport,
      store,
      registry,
      maxRuleActions: config.reports.maxActionsPerHour,
      context: () => started.context,
      syncHealth: () => sync?.health,
      reportReadings: readings,
      processes: async () => (await lock.lease?.processes()) ?? [],
      web: () => web,
    }),
    botUser: setup.botUser,
    serverName: setup.serverName,
    managementRoom: setup.room,
    roomDeletionTimes: timing.roomDeletion,
  });
  const web = await openConfiguredWeb(config, {
    probes,
    store,
    direct: transport.direct,
    services,
    registry,
    roles,
    settings,
    log,
  });
  const cardReactions = await openConfiguredReactions(
    { store, settings, now: () => Date.now(), wakeReports },
    createCardActions(config.reports.actions, {
      registry,
      serverName: setup.serverName,
      prefix: settings.prefix,
      traits: services.accounts.traits,
      places: placesOf(config),
    }),
  );
  const started = createOperations({
    settings,
    registry,
    services,
    api,
    store,
    members,
    roles,
    log,
    transport,
    timing,
    cardReactions,
    retention: {
      entriesMs: milliseconds(config.audit.keepContentFor),
      reportsMs: milliseconds(config.reports.keepContentFor),
    },
    anchoring: {
      witnesses,
      formerWitnesses,
      anchorEvery: {
        rows: config.audit.anchorEvery.entries,
        ms: durationMs(config.audit.anchorEvery.time),
      },
    },
    wakeReports,
  });
  operations = started;
  const { context } = started;
  const commandsIdle = async () => {
    await started.pipeline.idle();
    await transport.delivery.idle();
  };
  const queue = createReports({
    config,
    registry,
    context,
    reactions: cardReactions,
    timing,
    commandsIdle,
  });
  reports = queue;
  const signUpWatch = createConfiguredSignUpWatch({ config, context, timing, commandsIdle });
  signUps = signUpWatch;
  const warnIfOpen = createOpenRoomWarning(context, () => openingsOf(members, config.roles));

  const { hasSpoken, restored } = await checkDatabase(
    context,
    { client, crypto: transport.crypto },
    stopping.signal,
  );
  transport.sendPermission.check();
  await started.start();
  await transport.secrets.start();
  await warnIfOpen();
  if ((await moves.intoAt(setup.room)) !== undefined) {
    await arriveInRoom(context, setup);
  } else if (timing.greets !== false) {
    await greet(context, watchedBy(config), hasSpoken);
  }
  transport.delivery.deliver();
  started.run(restored);

  const roomSync = createRoomSync({
    client,
    store,
    members,
    log,
    transport,
    operations: started,
    timing,
    warnIfOpen,
    onOnline() {
      queue.hurry();
      signUpWatch.hurry();
    },
    onActivity: queue.noteActivity,
    onFatal: ended.reject,
  });
  sync = roomSync;
  const { sendPermission } = transport;
  const masWatch =
    setup.delegatedTo === undefined
      ? undefined
      : watchMas({
          mas: setup.delegatedTo.mas,
          log,
          intervalMs: timing.masProbeMs,
          alarm: async (name, answer) => raiseAlarm(context, name, answer),
        });
  masWatch?.start();
  watchBot(probes, {
    config,
    store,
    registry,
    sync: roomSync,
    readings,
    sendPermission,
    masFault: masWatch?.fault,
    timing,
  });
  await roomSync.start();
  if (config.reports.enabled) {
    queue.start();
  }
  signUpWatch.start();
  announceCommands(
    { client, log },
    {
      room: setup.room,
      botUser: setup.botUser,
      state: setup.roomState,
      commands: settings.announcesCommands ? registry.all : [],
    },
  ).catch((error: unknown) => log.error({ err: error }, 'describing the commands failed'));
  probes.started();
  log.info(
    {
      user: setup.botUser,
      room: setup.room,
      synapse: setup.serverVersion,
      ...present({ mas: setup.delegatedTo?.version }),
      version,
    },
    'Lawspeaker started',
  );

  const awaited = awaitedModerators(config.roles, members, setup.botUser);
  if (awaited.length > 0) {
    log.info(
      { invited: awaited },
      `waiting for the first moderator: accept the invitation to the management room in a Matrix client, then type ${settings.prefix}help there`,
    );
  }

  return {
    ended: ended.promise,
    async stop() {
      probes.over('is stopping');
      probes.serve(undefined);
      log.info('shutting down: finishing work in progress');
      roomSync.stop();
      transport.stop();
      await Promise.all([started.stop(), queue.stop(), signUpWatch.stop(), masWatch?.stop()]);
      await isLate(transport.delivery.idle(), stopPatienceMs);
      stopping.abort();
      transport.crypto.close();
      keys?.release();
      await store.close();
      await lock.release();
      await probes.close();
    },
  };
}

/** The admin API of the homeserver, which may be Synapse's and MAS's together. */
async function apiFor(
  synapse: AdminApi,
  { serverName, delegatedTo }: Pick<Setup, 'serverName' | 'delegatedTo'>,
  { masArrival: arrivalTimes }: Pick<Timing, 'masArrival'>,
): Promise<{ readonly api: AdminApi; readonly delegation: DelegationService | undefined }> {
  if (delegatedTo === undefined) {
    return { api: synapse, delegation: undefined };
  }
  // Loaded only if it is used.
  const { createDelegatedApi } = await import('../services/delegation/delegation.ts');
  const { mas, version: masVersion } = delegatedTo;
  return createDelegatedApi({ synapse, mas, masVersion, serverName, arrivalTimes });
}

/** @throws SetupError the configuration gives a role for a command that doesn't exist */
export async function createConfiguredRegistry({
  commands,
  roles,
}: Pick<Config, 'commands' | 'roles'>): Promise<Registry> {
  const registry = createRegistry(await loadCommands(), commands.prefix);
  const unknown = Object.keys(roles.commands).find((name) => registry.find(name)?.name !== name);
  if (unknown !== undefined) {
    const guess = registry.find(unknown)?.name ?? registry.guess(unknown)?.commands[0]?.name;
    throw new SetupError(
      `roles.commands.${unknown}: unknown command.`,
      guess === undefined ? 'docs/commands.md lists the commands.' : `Did you mean ${guess}?`,
    );
  }
  return registry;
}

const milliseconds = (period: string | undefined) =>
  period === undefined ? undefined : durationMs(period);

function watchedBy({ reports, protected: { users } }: Config): Watched {
  return {
    reports: reports.enabled,
    ruleModes: reports.enabled
      ? reports.rules.filter((rule) => !isOnSignUps(rule)).map(({ mode }) => mode)
      : [],
    signUpRules: signUpRulesIn(reports.rules).length,
    protectedPatterns: users.length,
  };
}

function settingsFrom(
  config: Config,
  { serverName, botUser, room }: Setup,
  requestTimeoutMs: number,
): Settings {
  return {
    prefix: config.commands.prefix,
    announcesCommands: config.commands.announce,
    maxAgeMs: durationMs(config.commands.maxAge),
    confirmationExpiresAfterMs: durationMs(config.confirmation.expiresAfter),
    reconcileAfterMs: requestTimeoutMs,
    confirmation: config.confirmation,
    proposalExpiresAfterMs: durationMs(config.reports.proposalExpiresAfter),
    maxRuleActionsPerHour: config.reports.maxActionsPerHour,
    parallelism: config.bulk.parallelism,
    serverName,
    botUser,
    managementRoom: room,
  };
}
