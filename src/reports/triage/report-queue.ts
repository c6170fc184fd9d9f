import type { UserId } from '../../core/ids.ts';
import type { ReportReading } from '../../services/bot/bot-operations.ts';
import type { Services } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import type { ConfiguredReactions } from '../cards/configured-reactions.ts';
import type { GiveWay } from '../give-way.ts';
import { createPollers } from '../intake/pollers.ts';
import type { PollersContext } from '../intake/pollers.ts';
import type { Rule } from '../rules/rule.ts';
import { createTriage } from './triage.ts';
import type { TriageContext } from './triage.ts';

/** What the report queue needs. */
export type ReportQueueContext = TriageContext &
  PollersContext & {
    readonly store: Store;
    readonly services: Services;
  };

export interface ReportQueue {
  start(): void;
  /** Something in the queue has changed. */
  wake(): void;
  /** This homeserver is reachable again; the first if it is not given. */
  hurry(serverName?: string): void;
  /** Somebody is at work in the room. */
  noteActivity(): void;
  /** Reads all lists now, and resolves when they are read, after a second at the latest. */
  refresh(): Promise<void>;
  /** How reading each list goes; none before the start. */
  readings(): ReportReading[];
  /** Resolves when nothing is in flight. */
  stop(): Promise<void>;
}

/** The report queue: reads the lists of the homeservers, shows cards in the room and applies the rules. */
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
  const pollers = createPollers(context, { ...options, onNew: triage.wake });
  let isStarted = false;
  return {
    start() {
      isStarted = true;
      triage.wake();
      pollers.start();
    },
    wake() {
      if (isStarted) {
        triage.wake();
      }
    },
    hurry: pollers.hurry,
    noteActivity: pollers.noteActivity,
    refresh: pollers.refresh,
    readings: pollers.readings,
    async stop() {
      await pollers.stop();
      await triage.stop();
    },
  };
}
