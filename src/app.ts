import { setTimeout as wait } from 'node:timers/promises';

import { createAdminApi } from './admin-api/admin-api.ts';
import { createHttp, createRawCall } from './admin-api/http.ts';
import { createRegistry, loadCommands } from './command/registry.ts';
import { durationMs } from './config/duration.ts';
import type { Config } from './config/schema.ts';
import { SetupError, TargetError, UnreachableError } from './errors.ts';
import { createTimers } from './jobs/timers.ts';
import {
  configureSdk,
  createMatrixCall,
  createMatrixClient,
  redactEvent,
  resolveAlias,
  stateContent,
} from './matrix/client.ts';
import type { MatrixCall } from './matrix/client.ts';
import { createDelivery } from './matrix/deliver.ts';
import { createDirectRooms } from './matrix/direct.ts';
import { openRoomCrypto } from './matrix/encryption.ts';
import { readEvents } from './matrix/read-event.ts';
import { clearText } from './matrix/room-crypto.ts';
import type { RoomCrypto } from './matrix/room-crypto.ts';
import { readRoomFile } from './matrix/room-file.ts';
import { RoomState } from './matrix/room-state.ts';
import { RoomSync, syncFilter } from './matrix/sync.ts';
import { sayUnreadable } from './matrix/unreadable.ts';
import type { Logger } from './observability/log.ts';
import type { House } from './pipeline/house.ts';
import { createPipeline } from './pipeline/pipeline.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import { findQuestion } from './pipeline/question.ts';
import { recover } from './pipeline/recover.ts';
import { createRoles } from './pipeline/roles.ts';
import { runJob } from './pipeline/run-job.ts';
import { settleQuestion } from './pipeline/settle-question.ts';
import type { BotOperations } from './services/bot.ts';
import { createServices } from './services/services.ts';
import { checkSetup } from './setup.ts';
import type { Setup } from './setup.ts';
import { openStore, transactionIdFor } from './store/store.ts';
import type { Store } from './store/store.ts';
import { version } from './version.ts';

/** A running bot. */
export interface App {
  /** Ends what is under way and closes the database. */
  stop(): Promise<void>;
  /** Resolves or rejects when the bot can't go on. */
  readonly ended: Promise<never>;
}

const firstRetryMs = 1000;
const longestRetryMs = 30_000;
/** How long a decision waits for the question that it may belong to. */
const deliveryPatienceMs = 10_000;
/** How often the homeserver is asked about work whose end is not known. */
const recoverEveryMs = 30_000;

/** How long the homeserver may take, where that is not as usual. */
export interface Timing {
  /** For one request. */
  readonly requestTimeoutMs?: number;
  /** For a sync when there is nothing new; less than for a request. */
  readonly longPollMs?: number;
}

/** The client-server API under this configuration. */
export function createCall(
  config: Config,
  log: Logger,
  signal: AbortSignal,
  { requestTimeoutMs }: Timing = {},
): MatrixCall {
  const { url, accessToken } = config.homeserver;
  configureSdk(createRawCall(createHttp({ accessToken }), signal, requestTimeoutMs), log);
  return createMatrixCall(createMatrixClient({ url, accessToken }));
}

/**
 * Builds the house and starts it; resolves when the first sync is under way.
 *
 * @throws SetupError it can't work like this, and what to do
 */
export async function startApp(config: Config, log: Logger, timing: Timing = {}): Promise<App> {
  const stopping = new AbortController();
  const call = createCall(config, log, stopping.signal, timing);
  const store = await openStore(config.database.path);
  try {
    const setup = await reachedSetup(config, call, log, stopping.signal);
    return await buildHouse({ config, log, call, store, setup, stopping, timing });
  } catch (error) {
    stopping.abort();
    await store.close();
    throw error;
  }
}

/** A homeserver that starts together with the bot may take its time. */
async function reachedSetup(
  config: Config,
  call: MatrixCall,
  log: Logger,
  signal: AbortSignal,
): Promise<Setup> {
  for (let delayMs = firstRetryMs; ; delayMs = Math.min(delayMs * 2, longestRetryMs)) {
    try {
      return await checkSetup(config, call);
    } catch (error) {
      if (!(error instanceof UnreachableError)) {
        throw error;
      }
      log.warn({ reason: error.message, delayMs }, 'waiting for the homeserver');
      await wait(delayMs, undefined, { signal });
    }
  }
}

interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly call: MatrixCall;
  readonly store: Store;
  readonly setup: Setup;
  readonly stopping: AbortController;
  readonly timing: Timing;
}

async function buildHouse(parts: Parts): Promise<App> {
  const { config, log, call, store, setup, stopping, timing } = parts;
  const startedAt = Date.now();
  const { url, adminUrl = url, accessToken } = config.homeserver;
  const { requestTimeoutMs, longPollMs } = timing;
  const api = createAdminApi({ url: adminUrl, accessToken, requestTimeoutMs });
  const registry = createRegistry(await loadCommands(new URL('commands/', import.meta.url)));
  const unknown = Object.keys(config.roles.commands).find(
    (name) => registry.find(name)?.name !== name,
  );
  if (unknown !== undefined) {
    throw new SetupError(`roles.commands.${unknown}: there is no such command.`);
  }
  const members = new RoomState();
  setup.roomState.forEach((event) => members.apply(event));
  const crypto = await createCrypto(config, call, setup, log);
  const delivery = createDelivery({
    call,
    crypto,
    outbox: store.outbox,
    prefix: config.commands.prefix,
    log,
    signal: stopping.signal,
  });

  // The pipeline, the services and the sync need one another; these are the two knots.
  let pipeline: Pipeline | undefined;
  let sync: RoomSync | undefined;
  const operations: BotOperations = {
    async settle({ decision, code, by, event }) {
      const question = await findQuestion(house, { code, by, event });
      return settleQuestion(house, question, { decision, by, event });
    },
    openDirect: createDirectRooms({
      call,
      crypto,
      store: store.syncState,
      botUser: setup.botUser,
    }).open,
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
        openExecutions: executions.length,
      };
    },
  };
  const expiry = createExpiry(log, async () => pipeline?.expireQuestions());
  const services = createServices({ api, store, bot: operations });
  const house: House = {
    settings: {
      prefix: config.commands.prefix,
      maxAgeMs: durationMs(config.commands.maxAge),
      confirmationExpiresAfterMs: durationMs(config.confirmation.expiresAfter),
      confirmation: config.confirmation,
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
    underWay: new Set(),
    denials: new Map(),
    now: () => Date.now(),
    nextPages: new Map(),
    findAccount: api.users.find,
    findSimilar: services.accounts.similar,
    readFile: async (event) => readRoomFile({ call, crypto }, setup.room, event),
    redact: async (event, reason) => {
      await redactEvent(call, setup.room, event, transactionIdFor(event, 'redact'), reason);
    },
    resolveAlias: async (alias) => {
      try {
        return await resolveAlias(call, alias);
      } catch (error) {
        throw isNotFound(error)
          ? new TargetError('unknown_room', `there is no room ${alias}`)
          : error;
      }
    },
    deliver: delivery.deliver,
    delivered: async () => {
      await Promise.race([delivery.idle(), wait(deliveryPatienceMs, undefined, { ref: false })]);
    },
    expireAt: expiry.at,
    wakeTimers: () => timers.wake(),
  };
  const flow = createPipeline(house, async (outgoing) =>
    delivery.sendNow(outgoing, transactionIdFor(outgoing.origin.event, 'store-failure')),
  );
  pipeline = flow;

  const timers = createTimers({
    store,
    run: async (job) => runJob(house, job),
    now: house.now,
    onError: (error) => log.error({ err: error }, 'a timer failed'),
  });

  // What a crash left open is ended before anything new is begun.
  await recover(house);
  await flow.resume();
  await flow.expireQuestions();
  delivery.deliver();
  timers.wake();

  const recovering = setInterval(() => {
    recover(house).catch((error: unknown) => log.error({ err: error }, 'recovery failed'));
  }, recoverEveryMs);
  recovering.unref();

  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  const running = new RoomSync({
    url,
    accessToken,
    room: setup.room,
    botUser: setup.botUser,
    crypto,
    store: store.syncState,
    log,
    longPollMs,
    giveUp: async (events) => sayUnreadable(house, setup.room, events),
    async take(events, how) {
      events.forEach((event) => members.apply(event));
      const incoming = readEvents(setup.room, events);
      await (how === 'first' ? flow.passOver(incoming) : flow.accept(incoming));
    },
    onOnline: () => {
      // Outcomes that only the homeserver knows can be asked for again.
      recover(house).catch((error: unknown) => log.error({ err: error }, 'recovery failed'));
    },
    onFatal: ended.reject,
  });
  sync = running;
  await running.start(syncFilter(setup.room));
  log.info(
    { user: setup.botUser, room: setup.room, synapse: setup.serverVersion, version },
    'Lawspeaker is at work',
  );

  return {
    ended: ended.promise,
    async stop() {
      running.stop();
      expiry.stop();
      timers.stop();
      clearInterval(recovering);
      await flow.stop();
      await Promise.race([delivery.idle(), wait(5000, undefined, { ref: false })]);
      stopping.abort();
      crypto.close();
      await store.close();
    },
  };
}

/** Encryption for the management room and for direct rooms, or none. */
async function createCrypto(
  config: Config,
  call: MatrixCall,
  { botUser, room, roomState }: Setup,
  log: Logger,
): Promise<RoomCrypto> {
  const { url, accessToken } = config.homeserver;
  const crypto = config.encryption.enabled
    ? await openRoomCrypto({ url, accessToken, folder: config.encryption.path, botUser, call, log })
    : clearText(
        async (other) => (await stateContent(call, other, 'm.room.encryption')) !== undefined,
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

/** One timer for the question that expires next. */
function createExpiry(log: Logger, expire: () => Promise<void>) {
  let timer: NodeJS.Timeout | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  return {
    at(at: number) {
      if (at >= dueAt) {
        return;
      }
      dueAt = at;
      clearTimeout(timer);
      timer = setTimeout(
        () => {
          dueAt = Number.POSITIVE_INFINITY;
          expire().catch((error: unknown) => log.error({ err: error }, 'expiring failed'));
        },
        // A day at most: longer timers overflow, and the next round asks again.
        Math.min(Math.max(0, at - Date.now()), 86_400_000),
      );
    },
    stop: () => clearTimeout(timer),
  };
}
