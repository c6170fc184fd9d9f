import * as fc from 'fast-check';
import type { z } from 'zod';

import type { Operations } from '../../src/app/operations.ts';
import { loadCommands } from '../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../src/chat/command/registry.ts';
import { HomeserverError } from '../../src/core/errors.ts';
import type { EventId, RoomId, UserId } from '../../src/core/ids.ts';
import { adminApiOn } from '../../src/homeserver/admin/admin-api.ts';
import { accountApi } from '../../src/homeserver/client/account.ts';
import { roomsApi } from '../../src/homeserver/client/rooms.ts';
import { createSendRequest } from '../../src/homeserver/http.ts';
import type { SendRequest } from '../../src/homeserver/http.ts';
import {
  alertContent,
  editContent,
  fileContent,
  replyContent,
} from '../../src/matrix/delivery/content.ts';
import { RoomState } from '../../src/matrix/room/room-state.ts';
import { readEvents } from '../../src/matrix/sync/read-event.ts';
import type { Outgoing } from '../../src/operations/answer/reply.ts';
import { createRoles } from '../../src/operations/authorize/authorize.ts';
import { createDenials } from '../../src/operations/authorize/denials.ts';
import { decideConfirmation } from '../../src/operations/confirm/decide.ts';
import { findConfirmation } from '../../src/operations/confirm/find-confirmation.ts';
import { createInFlight, createReconcileTimes } from '../../src/operations/execute/reconcile.ts';
import { stop } from '../../src/operations/execute/stop.ts';
import { createWaiting } from '../../src/operations/execute/waiting.ts';
import { createNextPages } from '../../src/operations/parse/expand.ts';
import { createPipeline } from '../../src/operations/pipeline.ts';
import type { Settings } from '../../src/operations/settings.ts';
import { createCardActions } from '../../src/reports/cards/card-actions.ts';
import { openConfiguredReactions } from '../../src/reports/cards/configured-reactions.ts';
import type { BotAccount, BotOperations } from '../../src/services/bot/bot-operations.ts';
import { createDirectRooms } from '../../src/services/rooms/direct-rooms.ts';
import { createHomeserverServices, createServices } from '../../src/services/services.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeHttp } from './fake-http.ts';
import { answersFor } from './hostile-answers.ts';
import { jsonText, received } from './hostile.ts';
import { assertSafe } from './safe-content.ts';
import { openTestStore } from './test-database.ts';
import type { TestDatabase } from './test-database.ts';

export const room = '!management:localhost' as RoomId;
export const botUser = '@lawspeaker:localhost' as UserId;
/** Power level 100, 50 and 0; Eve is not in the room. */
export const people = {
  ana: '@ana:localhost',
  ben: '@ben:localhost',
  vic: '@vic:localhost',
  eve: '@eve:evil.example',
} as const;

const commands = await loadCommands();
export const registry = createRegistry(commands);

/** More requests than any command needs: a list that never ends must end somewhere. */
const maxRequests = 40;

const joined = (user: string, displayname: string) => ({
  type: 'm.room.member',
  state_key: user,
  sender: user,
  content: { membership: 'join', displayname },
});

/** The room's state as it should be. */
export const goodState = [
  {
    type: 'm.room.create',
    state_key: '',
    sender: people.ana,
    content: { room_version: '11' },
  },
  {
    type: 'm.room.power_levels',
    state_key: '',
    sender: people.ana,
    content: { users: { [people.ana]: 100, [people.ben]: 50 } },
  },
  joined(people.ana, '<b>Ana</b>\u202E'),
  joined(people.ben, 'Ben'),
  joined(people.vic, '"><script>\u0000'),
  joined(botUser, 'Lawspeaker'),
];

/** What came of a step. */
export interface Outcome {
  /** Requests other than GET that went to the admin API. */
  readonly changes: readonly string[];
  /** Messages that the bot removed from the room. */
  readonly redacted: readonly string[];
  /** What the room would have been sent, and the events it was sent as. */
  readonly sent: readonly { readonly event: EventId; readonly outgoing: Outgoing }[];
}

/**
 * The whole way from raw events to rendered answers, on a real store, before a homeserver that
 * answers what it likes and refuses every change.
 */
export async function openFuzzBot({
  isCalm = false,
  database,
}: { readonly isCalm?: boolean; readonly database?: TestDatabase } = {}) {
  const store = database === undefined ? await openTestStore() : await openStore(database.place);
  const members = new RoomState();
  goodState.forEach((event) => members.apply(event));
  const clock = { now: Date.UTC(2026, 10, 21) };
  const faults: unknown[] = [];
  let changes: string[] = [];
  let redacted: string[] = [];
  let requests = 0;
  let answerSeed = 0;
  let sentEvents = 0;
  let delivering = Promise.withResolvers<void>();

  const send = hostileServer({
    isCalm,
    onChange: (request) => changes.push(request),
    seed: () => {
      requests += 1;
      answerSeed += 1;
      return requests > maxRequests ? undefined : answerSeed;
    },
  });
  const api = adminApiOn(send);
  const bot: BotOperations = {
    async decide({ decision, code, by, event }) {
      const confirmation = await findConfirmation(context, { code, by, event, decision });
      return decideConfirmation(context, confirmation, { decision, by, event });
    },
    stop: async (request) => stop(context, request),
    waitsFor: (operation) => context.waiting.of(operation),
    status: async () => ({
      version: '0',
      node: '0',
      startedAt: 0,
      lastSyncAt: undefined,
      online: true,
      failures: 0,
      openInbox: 0,
      openOutbox: 0,
      openOperations: 0,
      scheduledOperations: 0,
      timers: 0,
      waitingOperations: [],
      ruleActions: 0,
      maxRuleActions: 10,
      whyUnableToSend: undefined,
      dataLoss: undefined,
      reportReadings: [],
      processes: [],
      otherHomeservers: [],
    }),
    openDirect: async () => async () => () => undefined,
    linkToPage: () => ({
      url: 'http://127.0.0.1:9090/open/x',
      validForMs: 600_000,
      whenOver: () => undefined,
    }),
    closePage: () => 0,
    assertDirectIsReadable: async () => undefined,
  };
  const botAccount: BotAccount = {
    async redact({ room: where, event }) {
      changes.push(`redact ${event} in ${where}`);
      throw new HomeserverError(403, 'M_FORBIDDEN', 'PUT /redact');
    },
    async joinRoom(where) {
      changes.push(`join ${where}`);
      throw new HomeserverError(403, 'M_FORBIDDEN', 'POST /join');
    },
  };
  const client = { account: accountApi(send), rooms: roomsApi(send) };
  const directRooms = createDirectRooms(api, { botUser, managementRoom: room });
  const wakeReports = () => undefined;
  const services = createServices({
    homeserver: createHomeserverServices({
      api,
      client,
      delegation: undefined,
      store,
      botAccount,
      directRooms,
      wakeReports,
      refreshReports: async () => undefined,
      botUser,
      serverName: 'localhost',
      homeservers: [],
      roomDeletionTimes: undefined,
    }),
    directRooms,
    store,
    witnesses: [],
    formerWitnesses: async () => [],
    anchorEveryMs: 900_000,
    bot,
    rules: [],
    wakeReports,
  });
  const settings: Settings = {
    prefix: '!',
    announcesCommands: true,
    maxAgeMs: 300_000,
    confirmationExpiresAfterMs: 600_000,
    proposalExpiresAfterMs: 600_000,
    maxRuleActionsPerHour: 10,
    reconcileAfterMs: 0,
    parallelism: 4,
    confirmation: { destructive: 'requester', critical: 'requester' },
    homeservers: [{ name: 'localhost', serverName: 'localhost' }],
    serverName: 'localhost',
    botUser,
    managementRoom: room,
  };
  const fault = (fields: object, message: string) => faults.push({ message, ...fields });
  const reactions = await openConfiguredReactions(
    { store, settings, now: () => clock.now, wakeReports: () => undefined },
    createCardActions(
      {},
      {
        registry,
        serverName: 'localhost',
        prefix: '!',
        traitsOf: () => services.accounts.traits,
      },
    ),
  );
  const context: Operations['context'] = {
    atHomeserver: () => context,
    settings,
    cardReactions: reactions,
    registry,
    services,
    store,
    members,
    roles: createRoles({
      settings: {
        viewer: { powerLevel: 0, users: [] },
        moderator: { powerLevel: 50, users: [] },
        admin: { powerLevel: 100, users: [] },
        commands: {},
      },
      members,
      isBot: (user) => user === botUser,
      protectedUsers: ['@protected*:localhost'],
    }),
    log: { info: () => undefined, warn: () => undefined, error: fault },
    sendPermission: { whyMissing: () => undefined, granted: async () => true },
    inFlight: createInFlight(),
    waiting: createWaiting(),
    stopping: new AbortController().signal,
    sayNow: async (outgoing) => {
      said.push(outgoing);
    },
    reconcileTimes: createReconcileTimes(),
    denials: createDenials(),
    now: () => clock.now,
    nextPages: createNextPages(),
    findAccount: api.users.find,
    findSimilar: services.accounts.similar,
    showTyping: async () => undefined,
    readFile: async () => '@mallory:localhost <b>',
    peopleOf: async () => [people.ben],
    redact: async (event) => {
      redacted.push(event);
    },
    resolveAlias: async () => '!aliased:localhost' as RoomId,
    deliver: () => undefined,
    delivered: async () => delivering.promise,
    expireAt: () => undefined,
    recoverAt: () => undefined,
    wakeTimers: () => undefined,
    wakeReports: () => undefined,
  };
  const said: Outgoing[] = [];
  const pipeline = createPipeline(context, async (outgoing) => {
    said.push(outgoing);
  });

  /** Renders what stands in the outbox, as the transport would, and marks it as sent. */
  async function deliverAll(): Promise<{ event: EventId; outgoing: Outgoing }[]> {
    const sent = [];
    for (const { id, message } of await store.outbox.open()) {
      const outgoing = JSON.parse(message) as Outgoing;
      render(outgoing);
      sentEvents += 1;
      const event = `$sent${sentEvents}` as EventId;
      await store.outbox.markDelivered(id, event, clock.now);
      sent.push({ event, outgoing });
      delivering.resolve();
      delivering = Promise.withResolvers();
    }
    return sent;
  }

  async function step(work: () => Promise<unknown>): Promise<Outcome> {
    changes = [];
    redacted = [];
    requests = 0;
    await work();
    await pipeline.idle();
    const sent = await deliverAll();
    for (let more = sent; more.length > 0;) {
      // A decision may have waited for what is delivered now.
      await pipeline.idle();
      more = await deliverAll();
      sent.push(...more);
    }
    const open = await store.inbox.open();
    if (faults.length > 0 || said.length > 0 || open.length > 0) {
      throw new Error('the bot failed', { cause: [...faults, ...said, ...open] });
    }
    return { changes, redacted, sent };
  }

  return {
    context,
    /** The reactions on cards. */
    reactions,
    /** The admin API that the services use. Tests replace its functions. */
    api,
    store,
    members,
    clock,
    /** What a sync brings: raw events, in order; `received` already, where `isReceived`. */
    take: async (sent: readonly unknown[], { isReceived = false } = {}) =>
      step(async () => {
        const events = isReceived ? sent : (received(sent) as unknown[]);
        events.forEach((event) => members.apply(event));
        await pipeline.accept(readEvents(room, events));
      }),
    expireConfirmations: async () => step(pipeline.expireConfirmations),
    /** Whatever else the bot does by itself. */
    run: step,
  };
}

export type FuzzBot = Awaited<ReturnType<typeof openFuzzBot>>;

function render(outgoing: Outgoing): void {
  switch (outgoing.kind) {
    case 'reply':
      assertSafe(replyContent(outgoing.reply, outgoing.origin, '!'));
      break;
    case 'edit':
      assertSafe(editContent(outgoing.reply, '$answer' as EventId, '!'));
      break;
    case 'alert':
      assertSafe(alertContent(outgoing.reply, outgoing.mentions, outgoing.origin, '!'));
      break;
    case 'file':
      assertSafe(fileContent(outgoing.file, { url: 'mxc://localhost/file' }, outgoing.origin));
      break;
    case 'reaction':
    case 'withdraw':
      break;
  }
}

/** A homeserver whose answers fit, and hold what strangers may have written. */
function hostileServer(options: {
  /** It knows all that it is asked for. */
  readonly isCalm: boolean;
  readonly onChange: (request: string) => void;
  /** Undefined: it has had enough. */
  readonly seed: () => number | undefined;
}): SendRequest {
  // One for each request, since several are in flight at once.
  const respond = (wanted: z.ZodType) => async (url: string, method: string) => {
    if (method !== 'GET') {
      options.onChange(`${method} ${url}`);
      return { status: 403, body: '{"errcode":"M_FORBIDDEN"}' };
    }
    const seed = options.seed();
    if (seed === undefined) {
      return { status: 500, body: '{"errcode":"M_UNKNOWN"}' };
    }
    if (url.includes('/v2/users/') && !url.endsWith('/devices')) {
      return url.includes('nobody')
        ? { status: 404, body: '{"errcode":"M_NOT_FOUND"}' }
        : { status: 200, body: account(url, seed) };
    }
    const [body] = fc.sample(answersFor(wanted), { numRuns: 1, seed });
    return { status: options.isCalm || seed % 11 !== 0 ? 200 : 404, body: jsonText(body) };
  };
  return async (method, template, parameters) => {
    const http = fakeHttp(respond(parameters.answer));
    return createSendRequest(http, 'http://localhost')(method, template, parameters);
  };
}

/** Accounts that are asked for by ID are those; who `root` is stays so. */
function account(url: string, seed: number): string {
  const name = decodeURIComponent(/\/v2\/users\/([^/?]+)/u.exec(url)?.[1] ?? '');
  const displayname = seed % 2 === 0 ? '<img src=x>\u202E"&' : null;
  return JSON.stringify({ name, displayname, admin: name === '@root:localhost', creation_ts: 1e9 });
}
