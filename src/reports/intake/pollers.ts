import type { UserId } from '../../core/ids.ts';
import { logWith } from '../../core/log.ts';
import type { Log } from '../../core/log.ts';
import type { DeliverContext } from '../../operations/answer/reply.ts';
import { at } from '../../operations/at-homeserver.ts';
import type { HomeserversContext } from '../../operations/at-homeserver.ts';
import { alertedPeople } from '../../operations/authorize/authorize.ts';
import type { RoomPeople } from '../../operations/authorize/authorize.ts';
import { syntheticEvent } from '../../operations/management-room.ts';
import type { Settings } from '../../operations/settings.ts';
import type { Services } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import { backlogOf, troubleOf, troubleOver } from '../cards/card.ts';
import { announce } from '../cards/cards.ts';
import type { AnnounceContext } from '../cards/cards.ts';
import type { GiveWay } from '../give-way.ts';
import { reportSources } from './intake.ts';
import type { ReportSource } from './intake.ts';
import { createPoller, wordsOf } from './poller.ts';
import type { Poller } from './poller.ts';

/** What reading the lists of all homeservers needs. */
export type PollersContext = AnnounceContext &
  DeliverContext &
  HomeserversContext &
  RoomPeople & {
    readonly services: Pick<Services, 'bot' | 'reports' | 'rooms'>;
    readonly settings: Pick<Settings, 'managementRoom'>;
    readonly store: Pick<Store, 'dataLoss' | 'syncState' | 'transaction'>;
    readonly log: Log;
    now(): number;
  };

export interface PollersOptions {
  readonly pollIntervalMs: number;
  readonly onCall: readonly UserId[];
  readonly maxCardsPerMinute: number;
  readonly troubleAfterMs: number;
  readonly giveWay: GiveWay;
  /** There may be new reports in the store. */
  readonly onNew: () => void;
}

export interface Pollers extends Poller {
  /** Reads at once: this homeserver is reachable again; the first if it is not given. */
  hurry(serverName?: string): void;
}

/** Reads the lists of each homeserver by itself, so that one that is away doesn't hold up another. */
export function createPollers(context: PollersContext, options: PollersOptions): Pollers {
  const { homeservers, serverName: first } = context.settings;
  const pollers = new Map(
    homeservers.map(({ serverName }) => [
      serverName,
      createHomeserverPoller(
        context,
        { serverName, where: homeservers.length > 1 ? serverName : undefined },
        options,
      ),
    ]),
  );
  const all = [...pollers.values()];
  return {
    start: () => all.forEach((poller) => poller.start()),
    hurry: (serverName = first) => pollers.get(serverName)?.hurry(),
    noteActivity: () => all.forEach((poller) => poller.noteActivity()),
    async refresh() {
      await Promise.all(all.map(async (poller) => poller.refresh()));
    },
    readings: () =>
      [...pollers].flatMap(([serverName, poller]) =>
        poller
          .readings()
          .map((reading) => (serverName === first ? reading : { ...reading, serverName })),
      ),
    async stop() {
      await Promise.all(all.map(async (poller) => poller.stop()));
    },
  };
}

/** @param of.where what the room is told of it; undefined if it is the only one */
function createHomeserverPoller(
  context: PollersContext,
  of: { readonly serverName: string; readonly where: string | undefined },
  { onCall, onNew, ...options }: PollersOptions,
): Poller {
  const { serverName, where } = of;
  const isFirst = serverName === context.settings.serverName;
  /** Of what the room is told, which is told once. */
  const named = (name: string) => (isFirst ? name : `${name} ${serverName}`);
  const backlogName = (kind: ReportSource['kind']) => named(`backlog ${kind}`);
  return createPoller({
    store: context.store,
    sources: reportSources(() => at(context, serverName).services, {
      serverName,
      // It is on the first homeserver.
      ...(isFirst ? { managementRoom: context.settings.managementRoom } : {}),
    }),
    intervalMs: options.pollIntervalMs,
    few: options.maxCardsPerMinute,
    now: context.now,
    log: where === undefined ? context.log : logWith(context.log, { homeserver: where }),
    giveWay: options.giveWay,
    onNew(kind) {
      context.deliver(syntheticEvent(backlogName(kind)));
      onNew();
    },
    async onBacklog(tables, kind, total) {
      const answer = backlogOf(kind, total, where);
      await announce(context, tables, { name: backlogName(kind), answer });
    },
    troubleAfterMs: options.troubleAfterMs,
    async onTrouble(error) {
      const { online, otherHomeservers } = await context.services.bot.status();
      const isAway = otherHomeservers.some(
        (other) => other.serverName === serverName && other.trouble !== undefined,
      );
      if (error !== undefined && (!online || isAway)) {
        // The room can't be told now, or hears that the homeserver is away. If the trouble is over before it can be
        // told, there is nothing to tell.
        return false;
      }
      const name = named(`trouble ${context.now()}`);
      const answer = error === undefined ? troubleOver(where) : troubleOf(wordsOf(error), where);
      await context.store.transaction(async (tables) => {
        const mentions = alertedPeople(context, onCall);
        await announce(context, tables, { name, answer, mentions });
      });
      context.deliver(syntheticEvent(name));
      return true;
    },
  });
}
