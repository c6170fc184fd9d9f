import { createKeyedQueue } from '../core/async/keyed-queue.ts';
import type { SayNow } from './answer/reply.ts';
import { withoutStale } from './answer/stale.ts';
import type { Later } from './confirm/awaiting-delivery.ts';
import { expire } from './confirm/find-confirmation.ts';
import { handleLookalike } from './handle-lookalike.ts';
import { handleMessage } from './handle-message.ts';
import { handleReaction } from './handle-reaction.ts';
import type { House } from './house.ts';
import type { Incoming } from './message.ts';
import { skip, accept, receive } from './receive.ts';

/** The way of a message through the house. */
export interface Pipeline {
  /**
   * Takes events in and returns when they are committed; what they ask for is done afterwards.
   *
   * @throws StoreError they could not be committed, and nothing of them will be done
   */
  accept(incoming: readonly Incoming[]): Promise<void>;
  /** Takes events in as seen, without doing what they ask: they are older than the bot's first start. */
  skip(incoming: readonly Incoming[]): Promise<void>;
  /** Handles what was taken in before a restart. */
  resume(): Promise<void>;
  /** Ends the confirmations whose time is up. */
  expireConfirmations(): Promise<void>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  /** Begins nothing more, and resolves when nothing is under way; the rest is for the next start. */
  stop(): Promise<void>;
}

export function createPipeline(house: House, sayNow: SayNow): Pipeline {
  // One person's commands run in the order that they were typed.
  const queue = createKeyedQueue();

  const schedule = (incoming: Incoming) => {
    queue.add(incoming.sender, async () => {
      // Whoever asks could not be answered. It is handled, or too old, when the bot can speak again.
      if (!(await house.sendPermission.mayAct())) {
        return;
      }
      const later = await handle(house, sayNow, incoming);
      // Out of the queue: what the same person types meanwhile does not wait with it.
      void later?.after.then(() => schedule(incoming));
    });
  };

  return {
    async accept(incoming) {
      const wanted = accept(house, incoming);
      if (wanted.length > 0) {
        const taken = await receive(house, sayNow, wanted);
        (await withoutStale(house, taken)).forEach(schedule);
      }
    },

    async skip(incoming) {
      await skip(house, accept(house, incoming));
    },

    async resume() {
      for (const { event } of await house.store.inbox.open()) {
        schedule(JSON.parse(event) as Incoming);
      }
    },

    async expireConfirmations() {
      const now = house.now();
      for (const confirmation of await house.store.confirmations.pending()) {
        if (confirmation.expiresAt > now) {
          house.expireAt(confirmation.expiresAt);
          break;
        }
        await expire(house, confirmation).catch((error: unknown) => {
          // Of a command that is no more, say: it must not keep the others, or the start, from going on.
          house.log.error(
            { code: confirmation.code, err: error },
            'a confirmation could not be expired',
          );
        });
      }
    },

    idle: queue.idle,

    async stop() {
      queue.stop();
      await queue.idle();
    },
  };
}

async function handle(
  house: House,
  sayNow: SayNow,
  incoming: Incoming,
): Promise<Later | undefined> {
  switch (incoming.kind) {
    case 'message':
      return handleMessage(house, sayNow, incoming);
    case 'reaction':
      return handleReaction(house, sayNow, incoming);
    case 'lookalike':
      await handleLookalike(house, sayNow, incoming);
      return undefined;
  }
}
