import { exactSpan } from '../../chat/answers/phrases.ts';
import type { UserId } from '../../core/ids.ts';
import type { DeliverContext } from '../../operations/answer/reply.ts';
import { alertedPeople } from '../../operations/authorize/authorize.ts';
import type { RoomPeople } from '../../operations/authorize/authorize.ts';
import { syntheticEvent } from '../../operations/management-room.ts';
import type { Services } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import { reminderOf } from '../cards/card.ts';
import { announce } from '../cards/cards.ts';
import type { AnnounceContext } from '../cards/cards.ts';

/** What reminding people of reports needs. */
export type RemindersContext = AnnounceContext &
  DeliverContext &
  RoomPeople & {
    readonly services: { readonly reports: Pick<Services['reports'], 'whereIs'> };
    readonly store: Pick<Store, 'reportWork' | 'transaction'>;
  };

const checkEveryMs = 30_000;

/** Reminds people of reports that nobody has decided about for long. */
export function createReminders(
  context: RemindersContext,
  options: {
    /** 0 to remind nobody. */
    readonly remindAfterMs: number;
    readonly onCall: readonly UserId[];
    /** Called when it is time for `postIfDue`. */
    readonly onTick: () => void;
  },
) {
  const { remindAfterMs, onCall, onTick } = options;
  const { whereIs } = context.services.reports;
  const everyMs = Math.min(checkEveryMs, remindAfterMs);
  const ticking = everyMs === 0 ? undefined : setInterval(onTick, everyMs);
  ticking?.unref();
  let checkedAt = Number.NEGATIVE_INFINITY;

  return {
    async postIfDue(): Promise<void> {
      const now = context.now();
      if (remindAfterMs === 0 || now - checkedAt < everyMs) {
        return;
      }
      checkedAt = now;
      const items = await context.store.reportWork.overdue(now - remindAfterMs);
      if (items.length === 0) {
        return;
      }
      const name = `reminder ${now}`;
      await context.store.transaction(async (tables) => {
        await tables.reportWork.markReminded(
          items.map(({ id }) => id),
          now,
        );
        const answer = reminderOf(items, exactSpan(remindAfterMs), whereIs);
        const mentions = alertedPeople(context, onCall);
        await announce(context, tables, { name, answer, mentions });
      });
      context.deliver(syntheticEvent(name));
    },

    stop(): void {
      clearInterval(ticking);
    },
  };
}
