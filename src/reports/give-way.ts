import { setImmediate as nextTurn } from 'node:timers/promises';

import { isLate } from '../core/async/patience.ts';

/**
 * Called before each step of work on reports: resolves when no command is in flight. While commands keep
 * coming, it resolves after a moment all the same, so that reports are not starved.
 */
export type GiveWay = () => Promise<void>;

/** The longest that a step waits for commands. */
const maxWaitMs = 300;

/** @param commandsIdle resolves when no command is in flight and all answers are delivered */
export function createGiveWay(commandsIdle: () => Promise<void>): GiveWay {
  let waiting: Promise<unknown> | undefined;
  return async () => {
    // What has come from the network in the meantime is read first.
    await nextTurn();
    waiting ??= isLate(commandsIdle(), maxWaitMs).finally(() => {
      waiting = undefined;
    });
    await waiting;
  };
}
