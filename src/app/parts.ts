import type { Answer } from '../chat/answers/answer.ts';
import type { UserId } from '../core/ids.ts';
import { RoomState } from '../matrix/room/room-state.ts';
import { raiseAlarm } from '../operations/answer/alarms.ts';
import { createRoles } from '../operations/authorize/authorize.ts';
import { createOpenRoomWarning, openingsOf } from '../operations/authorize/open-room.ts';
import { createDirectRooms } from '../services/rooms/direct-rooms.ts';
import { createBotOperations } from './bot-operations.ts';
import type { Foundation } from './foundation.ts';
import { createHomeserver } from './homeserver.ts';
import { createHomeservers } from './homeservers.ts';
import { createOperations } from './operations.ts';
import { openBotAccounts } from './other-homeservers/bot-accounts.ts';
import { createConfiguredRegistry } from './registry.ts';
import { createConfiguredSignUpWatch, createReports, openCardReactions } from './reports.ts';
import type { End } from './restart.ts';
import { createConfiguredServices, createServicesOn } from './services.ts';
import { settingsFrom, unnamedServerIn } from './settings.ts';
import { createRoomSync } from './sync.ts';
import { createTransport } from './transport.ts';
import { openConfiguredWeb } from './web.ts';
import { createWitnesses } from './witnesses.ts';

/** The parts of the bot. */
export type Parts = Awaited<ReturnType<typeof buildParts>>;

/** Builds the parts of the bot, in the order of what needs what. Nothing runs before they are started. */
export async function buildParts(foundation: Foundation, end: End) {
  const { config, log, timing, probes, lock, store, client, moves, setup, signal, interrupted } =
    foundation;
  const { botUser, room } = setup;

  // What parts call of parts that are built after them, which only happens once all are built.
  const later = {
    context: () => operations.context,
    syncHealth: () => sync.health,
    web: () => web,
    isBot: (user: UserId) => homeservers.isBot(user),
    readings: () => [...reports.readings(), ...signUps.readings()],
    wakeOperations: () => operations.wake(),
    wakeReports: () => reports.wake(),
    noteAnswer(serverName: string) {
      operations.wake();
      reports.hurry(serverName);
      signUps.hurry(serverName);
    },
    refreshReports: async () => reports.refresh(),
  };
  const { wakeReports, refreshReports, readings } = later;

  const asking = {
    log,
    timing,
    lease: lock.lease,
    alarm: async (name: string, answer: Answer) => raiseAlarm(later.context(), name, answer),
  };
  const homeserver = await createHomeserver(config, setup, { client, ...asking });
  const { api } = homeserver;
  const registry = await createConfiguredRegistry(config);
  const unnamedServer = await unnamedServerIn(store.syncState, homeserver.serverName);
  const settings = settingsFrom(config, setup, homeserver, unnamedServer);
  const members = new RoomState();
  setup.roomState.forEach((event) => members.apply(event));
  const roles = createRoles({
    settings: config.roles,
    members,
    isBot: (user) => later.isBot(user),
    protectedUsers: config.protected.users,
  });
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
    signal,
    interrupted,
    onRegained() {
      later.wakeOperations();
      wakeReports();
    },
    onMoved: end.restart,
  });
  const { crypto } = transport;
  const witnesses = createWitnesses(config, { client, crypto, store, botUser, room, joins: true });
  const bot = createBotOperations({
    transport,
    store,
    registry,
    maxRuleActions: config.reports.maxActionsPerHour,
    context: later.context,
    syncHealth: later.syncHealth,
    reportReadings: readings,
    processes: async () => (await lock.lease?.processes()) ?? [],
    homeserverStates: () => homeservers.states(),
    web: later.web,
  });
  const directRooms = createDirectRooms(api, { botUser, managementRoom: room });
  const botAccounts = await openBotAccounts(
    store.syncState,
    config.otherHomeservers.map((one) => one.homeserver.serverName),
  );
  const homeservers = createHomeservers(
    homeserver,
    (one) =>
      createServicesOn(one, {
        store,
        directRooms,
        timing,
        homeservers: settings.homeservers,
        wakeReports,
        refreshReports,
      }),
    { config, ...asking, signal, botAccounts, onAnswer: later.noteAnswer },
  );
  const services = createConfiguredServices(homeservers.get(homeserver.serverName).services, {
    config,
    store,
    witnesses,
    bot,
    directRooms,
    wakeReports,
  });
  const cardReactions = await openCardReactions({
    config,
    registry,
    settings,
    store,
    wakeReports,
  });
  const operations = createOperations({
    config,
    settings,
    registry,
    services,
    homeservers,
    store,
    members,
    roles,
    log,
    transport,
    timing,
    cardReactions,
    witnesses,
    wakeReports,
  });
  const { context } = operations;

  const commandsIdle = async () => {
    await operations.pipeline.idle();
    await transport.delivery.idle();
  };
  const reports = createReports({
    config,
    registry,
    context,
    reactions: cardReactions,
    timing,
    commandsIdle,
  });
  const signUps = createConfiguredSignUpWatch({ config, context, timing, commandsIdle });

  const warnIfOpen = createOpenRoomWarning(context, () => openingsOf(members, config.roles));
  const sync = createRoomSync({
    client,
    store,
    members,
    log,
    transport,
    operations,
    timing,
    warnIfOpen,
    onOnline() {
      reports.hurry();
      signUps.hurry();
    },
    onActivity: reports.noteActivity,
    onFatal: end.fail,
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

  return {
    homeserver,
    homeservers,
    registry,
    settings,
    members,
    transport,
    operations,
    reports,
    signUps,
    readings,
    warnIfOpen,
    sync,
  };
}
