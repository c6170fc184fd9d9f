import { setTimeout as wait } from 'node:timers/promises';

import { createAdminApi } from './admin-api/admin-api.ts';
import { createHttp, createRawCall } from './admin-api/http.ts';
import { createRegistry, loadCommands } from './command/registry.ts';
import { durationMs } from './config/duration.ts';
import type { Config } from './config/schema.ts';
import { SetupError, TargetError, UnreachableError } from './errors.ts';
import {
  configureSdk,
  createMatrixCall,
  createMatrixClient,
  redactEvent,
  resolveAlias,
} from './matrix/client.ts';
import type { MatrixCall } from './matrix/client.ts';
import { createDelivery } from './matrix/deliver.ts';
import { createDirectRooms } from './matrix/direct.ts';
import { readEvents } from './matrix/read-event.ts';
import { readRoomFile } from './matrix/room-file.ts';
import { RoomState } from './matrix/room-state.ts';
import { RoomSync, syncFilter } from './matrix/sync.ts';
import type { Logger } from './observability/log.ts';
import type { House } from './pipeline/house.ts';
import { createPipeline } from './pipeline/pipeline.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import { recover } from './pipeline/recover.ts';
import { createRoles } from './pipeline/roles.ts';
import { findQuestion, settleQuestion } from './pipeline/settle-question.ts';
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
/** How often the homeserver is asked about work whose end is not known. */
const recoverEveryMs = 30_000;

/** The client-server API under this configuration. */
export function createCall(config: Config, log: Logger, signal: AbortSignal): MatrixCall {
  const { url, accessToken } = config.homeserver;
  configureSdk(createRawCall(createHttp({ accessToken }), signal), log);
  return createMatrixCall(createMatrixClient({ url, accessToken }));
}

/**
 * Builds the house and starts it; resolves when the first sync is under way.
 *
 * @throws SetupError it can't work like this, and what to do
 */
export async function startApp(config: Config, log: Logger): Promise<App> {
  const stopping = new AbortController();
  const call = createCall(config, log, stopping.signal);
  const store = await openStore(config.database.path);
  try {
    const setup = await reachedSetup(config, call, log, stopping.signal);
    return await buildHouse({ config, log, call, store, setup, stopping });
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
}

async function buildHouse({ config, log, call, store, setup, stopping }: Parts): Promise<App> {
  const startedAt = Date.now();
  const { url, adminUrl = url, accessToken } = config.homeserver;
  const api = createAdminApi({ url: adminUrl, accessToken });
  const registry = createRegistry(await loadCommands(new URL('commands/', import.meta.url)));
  const unknown = Object.keys(config.roles.commands).find(
    (name) => registry.find(name)?.name !== name,
  );
  if (unknown !== undefined) {
    throw new SetupError(`roles.commands.${unknown}: there is no such command.`);
  }
  const members = new RoomState();
  setup.roomState.forEach((event) => members.apply(event));
  if (members.encrypted) {
    throw new SetupError(
      'The management room is encrypted, and the bot can’t read it.',
      'Use a room without encryption: it can’t be switched off again in this one.',
    );
  }
  const delivery = createDelivery({
    call,
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
    openDirect: createDirectRooms({ call, store: store.syncState, botUser: setup.botUser }).open,
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
    readFile: async (event) => readRoomFile(call, setup.room, event),
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
    expireAt: expiry.at,
  };
  const flow = createPipeline(house, async (outgoing) =>
    delivery.sendNow(outgoing, transactionIdFor(outgoing.origin.event, 'store-failure')),
  );
  pipeline = flow;

  // What a crash left open is ended before anything new is begun.
  await recover(house);
  await flow.resume();
  await flow.expireQuestions();
  delivery.deliver();

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
    store: store.syncState,
    log,
    async take(events, how) {
      events.forEach((event) => members.apply(event));
      if (members.encrypted) {
        throw new SetupError(
          'The management room was encrypted while the bot was at work, and it can’t read it any more.',
          'Move to a room without encryption and set managementRoom.',
        );
      }
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
      clearInterval(recovering);
      await flow.idle();
      await Promise.race([delivery.idle(), wait(5000, undefined, { ref: false })]);
      stopping.abort();
      await store.close();
    },
  };
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
