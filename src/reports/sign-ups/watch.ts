import type { ReportReading } from '../../services/bot/bot-operations.ts';
import { createHomeserverWatch } from './homeserver-watch.ts';
import type { SignUpWatchContext, SignUpWatchOptions } from './homeserver-watch.ts';

export interface SignUpWatch {
  start(): void;
  /** This homeserver is reachable again; the first if it is not given. */
  hurry(serverName?: string): void;
  /** How reading the newest accounts of each homeserver goes; none without rules. */
  readings(): ReportReading[];
  /** Resolves when nothing is in flight. */
  stop(): Promise<void>;
}

/** Watches the sign-ups of each homeserver by itself. Without rules, nothing is watched. */
export function createSignUpWatch(
  context: SignUpWatchContext,
  options: SignUpWatchOptions,
): SignUpWatch {
  const { homeservers, serverName: first } = context.settings;
  const watched = options.rules.length === 0 ? [] : homeservers;
  const watches = new Map(
    watched.map(({ serverName }) => [
      serverName,
      createHomeserverWatch(context, serverName, options),
    ]),
  );
  const all = [...watches.values()];
  return {
    start: () => all.forEach((watch) => watch.start()),
    hurry: (serverName = first) => watches.get(serverName)?.hurry(),
    readings: () => all.map((watch) => watch.reading()),
    async stop() {
      await Promise.all(all.map(async (watch) => watch.stop()));
    },
  };
}
