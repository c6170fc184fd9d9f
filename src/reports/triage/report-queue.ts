import type { UserId } from '../../core/ids.ts';
import { alertedPeople } from '../../operations/authorize/authorize.ts';
import type { RoomPeople } from '../../operations/authorize/authorize.ts';
import { syntheticEvent } from '../../operations/management-room.ts';
import type { ReportReading } from '../../services/bot/bot-operations.ts';
import type { Services } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import { backlogOf, troubleOf, troubleOver } from '../cards/card.ts';
import { announce } from '../cards/cards.ts';
import type { AnnounceContext } from '../cards/cards.ts';
import type { ConfiguredReactions } from '../cards/configured-reactions.ts';
import type { GiveWay } from '../give-way.ts';
import { reportSources } from '../intake/intake.ts';
import { createPoller, wordsOf } from '../intake/poller.ts';
import type { Rule } from '../rules/rule.ts';
import { createTriage } from './triage.ts';
import type { TriageContext } from './triage.ts';

/** What the report queue needs. */
export type ReportQueueContext = TriageContext &
  AnnounceContext &
  RoomPeople & {
    readonly store: Store;
    readonly services: Pick<Services, 'bot' | 'reports'>;
  };

export interface ReportQueue {
  start(): void;
  /** Something in the queue has changed. */
  wake(): void;
  /** The homeserver is reachable again. */
  hurry(): void;
  /** Somebody is at work in the room. */
  noteActivity(): void;
  /** Reads the homeserver's lists now, and resolves when they are read, after a second at the latest. */
  refresh(): Promise<void>;
  /** How reading each list goes; none before the start. */
  readings(): ReportReading[];
  /** Resolves when nothing is in flight. */
  stop(): Promise<void>;
}

/** The report queue: reads the homeserver's lists, shows cards in the room and applies the rules. */
export function createReportQueue(
  context: ReportQueueContext,
  options: {
    readonly rules: readonly Rule[];
    readonly pollIntervalMs: number;
    readonly onCall: readonly UserId[];
    readonly maxCardsPerMinute: number;
    /** 0 for no reminders. */
    readonly remindAfterMs: number;
    readonly troubleAfterMs: number;
    readonly reactions: Pick<ConfiguredReactions, 'offeredOn' | 'changedAt'>;
    readonly giveWay: GiveWay;
  },
): ReportQueue {
  const triage = createTriage(context, options);
  const poller = createPoller({
    store: context.store,
    sources: reportSources(context.services, context.settings),
    intervalMs: options.pollIntervalMs,
    few: options.maxCardsPerMinute,
    now: context.now,
    log: context.log,
    giveWay: options.giveWay,
    onNew(kind) {
      context.deliver(syntheticEvent(backlogName(kind)));
      triage.wake();
    },
    async onBacklog(tables, kind, total) {
      const answer = backlogOf(kind, total);
      await announce(context, tables, { name: backlogName(kind), answer });
    },
    troubleAfterMs: options.troubleAfterMs,
    async onTrouble(error) {
      if (error !== undefined && !(await context.services.bot.status()).online) {
        // The room can't be told now. If the trouble is over before it can, there is nothing to tell.
        return false;
      }
      const name = `trouble ${context.now()}`;
      const answer = error === undefined ? troubleOver : troubleOf(wordsOf(error));
      await context.store.transaction(async (tables) => {
        const mentions = alertedPeople(context, options.onCall);
        await announce(context, tables, { name, answer, mentions });
      });
      context.deliver(syntheticEvent(name));
      return true;
    },
  });
  let isStarted = false;
  return {
    start() {
      isStarted = true;
      triage.wake();
      poller.start();
    },
    wake() {
      if (isStarted) {
        triage.wake();
      }
    },
    hurry: poller.hurry,
    noteActivity: poller.noteActivity,
    refresh: poller.refresh,
    readings: poller.readings,
    async stop() {
      await poller.stop();
      await triage.stop();
    },
  };
}

const backlogName = (kind: ReportItem['kind']) => `backlog ${kind}`;
