import { isLate } from '../core/async/patience.ts';
import { present } from '../core/present.ts';
import { version } from '../core/version.ts';
import { announceCommands } from '../matrix/room/announce-commands.ts';
import { greet } from '../operations/answer/greeting.ts';
import { awaitedModerators } from '../operations/authorize/invited.ts';
import { checkDatabase, forgetPlace, sayMoved } from './check-start.ts';
import type { Foundation } from './foundation.ts';
import type { Parts } from './parts.ts';
import { watchBot } from './probes.ts';
import { watchedBy } from './reports.ts';

/** When the bot stops, messages that are not sent by then are left for the next start. */
const stopPatienceMs = 5000;

/** Starts the parts of the bot: first what earlier runs left is finished, then new commands are read. */
export async function startParts(foundation: Foundation, parts: Parts): Promise<void> {
  const { config, timing, probes, store } = foundation;
  const { homeserver, homeservers, registry, transport, reports, signUps, readings, sync } = parts;

  const introduce = await finishEarlierRuns(foundation, parts);
  const { masWatch } = homeserver;
  masWatch?.start();
  watchBot(probes, {
    config,
    store,
    registry,
    sync,
    readings,
    sendPermission: transport.sendPermission,
    homeservers,
    masFault: masWatch?.fault,
    timing,
  });
  await sync.start();
  // Whoever reads it may type a command at once. What was sent before the first sync is not carried out.
  await introduce();
  if (config.reports.enabled) {
    reports.start();
  }
  signUps.start();
  describeCommands(foundation, parts);
  probes.started();
  logStart(foundation, parts);
}

/**
 * Carries out what is left in the database, and says what the room must know before anything new is read.
 *
 * @returns says who the bot is, or why it is here
 */
async function finishEarlierRuns(
  { config, timing, client, moves, setup, signal }: Foundation,
  { homeservers, transport, operations, warnIfOpen }: Parts,
): Promise<() => Promise<void>> {
  const { context } = operations;
  const { crypto } = transport;
  const { hasSpoken, restored } = await checkDatabase(context, { client, crypto }, signal);
  transport.sendPermission.check();
  await homeservers.start();
  await operations.start();
  await transport.secrets.start();
  await warnIfOpen();
  const hasMoved = (await moves.intoAt(setup.room)) !== undefined;
  if (hasMoved) {
    await forgetPlace(context.store.syncState, setup.room);
  }
  transport.delivery.deliver();
  operations.run(restored);
  return async () => {
    if (hasMoved) {
      await sayMoved(context, setup);
    } else if (timing.greets !== false) {
      await greet(context, watchedBy(config), hasSpoken);
    }
  };
}

/** Nobody waits for it. */
function describeCommands({ client, log, setup }: Foundation, { settings, registry }: Parts): void {
  announceCommands(
    { client, log },
    {
      room: setup.room,
      botUser: setup.botUser,
      state: setup.roomState,
      commands: settings.announcesCommands ? registry.all : [],
    },
  ).catch((error: unknown) => log.error({ err: error }, 'describing the commands failed'));
}

function logStart({ config, log, setup }: Foundation, parts: Parts): void {
  const { homeserver, homeservers, members, settings } = parts;
  const { botUser, room } = setup;
  const others = homeservers.states().map(({ serverName }) => serverName);
  log.info(
    {
      user: botUser,
      room,
      synapse: homeserver.version,
      ...present({
        mas: homeserver.delegation?.version,
        others: others.length === 0 ? undefined : others,
      }),
      version,
    },
    'Lawspeaker started',
  );
  const awaited = awaitedModerators(config.roles, members, botUser);
  if (awaited.length > 0) {
    log.info(
      { invited: awaited },
      `waiting for the first moderator: accept the invitation to the management room in a Matrix client, then type ${settings.prefix}help there`,
    );
  }
}

/** Finishes the work in progress, stops the parts, and closes what they are built on. */
export async function stopParts(foundation: Foundation, parts: Parts): Promise<void> {
  const { log, probes } = foundation;
  const { homeserver, homeservers, transport, operations, reports, signUps, sync } = parts;
  probes.over('is stopping');
  probes.serve(undefined);
  log.info('shutting down: finishing work in progress');
  sync.stop();
  homeservers.stop();
  transport.stop();
  await Promise.all([
    operations.stop(),
    reports.stop(),
    signUps.stop(),
    homeserver.masWatch?.stop(),
  ]);
  await isLate(transport.delivery.idle(), stopPatienceMs);
  foundation.endRequests();
  transport.crypto.close();
  await foundation.close();
}
