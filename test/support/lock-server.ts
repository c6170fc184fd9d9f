import { setTimeout as wait } from 'node:timers/promises';

import { UnreachableError } from '../../src/core/errors.ts';
import type { UserId } from '../../src/core/ids.ts';
import type { Outgoing, Reply } from '../../src/operations/answer/reply.ts';
import { runDue } from '../../src/operations/execute/run-due.ts';
import { runScheduled } from '../../src/operations/execute/run-scheduled.ts';
import type { Account } from '../../src/services/services.ts';
import type { Store } from '../../src/store/store.ts';
import { openFuzzBot, people } from './fuzz-bot.ts';
import { onPostgres } from './test-database.ts';

/** As real calls, these take longer than a transaction does. */
const callMs = onPostgres ? 10 : 0;

export const names = (count: number) =>
  Array.from({ length: count }, (_, at) => `@u${at}:localhost`);

/** A bot before a homeserver that knows who is locked, and that can be told to fail. */
export async function openLockServer() {
  const bot = await openFuzzBot({ isCalm: true });
  const locked = new Set<string>();
  const admins = new Set<string>();
  const calls: string[] = [];
  let inFlight = 0;
  const server = {
    bot,
    locked,
    admins,
    calls,
    mostAtOnce: 0,
    /** Called before a call reaches the homeserver, and after it has done it. */
    before: async (_user: string): Promise<void> => undefined,
    after: async (_user: string): Promise<void> => undefined,
    isAway: false,
    /** Accounts that do not exist any more. */
    gone: new Set<string>(),
  };
  Object.assign(bot.context, {
    async findAccount(name: UserId) {
      if (server.isAway) {
        throw new UnreachableError('the homeserver', 'does not answer', false);
      }
      return server.gone.has(name)
        ? undefined
        : account(name, { locked: locked.has(name), admin: admins.has(name) });
    },
  });
  Object.assign(bot.api.users, {
    get: async (name: UserId) => account(name, { locked: locked.has(name) }),
    async setLocked(name: string, isLocked: boolean) {
      // Of the life that makes the call.
      const { before, after } = server;
      inFlight += 1;
      server.mostAtOnce = Math.max(server.mostAtOnce, inFlight);
      await wait(callMs);
      await before(name);
      inFlight -= 1;
      calls.push(name);
      if (isLocked) {
        locked.add(name);
      } else {
        locked.delete(name);
      }
      await after(name);
    },
  });
  return server;
}

function account(name: UserId, own: Partial<Account>): Account {
  return {
    name,
    displayname: null,
    avatarUrl: null,
    admin: false,
    deactivated: false,
    erased: false,
    locked: false,
    suspended: false,
    shadowBanned: false,
    isGuest: false,
    userType: null,
    appserviceId: null,
    creationTs: 1e12,
    lastSeenTs: null,
    consentVersion: null,
    consentTs: null,
    threepids: [],
    externalIds: [],
    ...own,
  };
}

export type LockServer = Awaited<ReturnType<typeof openLockServer>>;

/** The same tables for reading. Of a bot that is dead, no reading ever ends. */
export function readingWhile(alive: () => Promise<unknown>, store: Store): Store {
  const tables = Object.entries(store).map(([name, table]: [string, unknown]) => [
    name,
    typeof table === 'object' && table !== null
      ? Object.fromEntries(
          Object.entries(table).map(([method, read]: [string, unknown]) => [
            method,
            async (...given: unknown[]) => {
              await alive();
              const result = await (read as (...parameters: unknown[]) => Promise<unknown>)(
                ...given,
              );
              await alive();
              return result;
            },
          ]),
        )
      : table,
  ]);
  return Object.fromEntries(tables) as Store;
}

/** What a dead bot was writing has ended. Whoever takes over waits for that. */
export async function writesEnded({ bot }: Pick<LockServer, 'bot'>): Promise<void> {
  await bot.store.transaction(async () => undefined);
}

let typed = 0;

/** Says something in the room; returns what the bot sends. */
export async function sayTo(
  { bot }: Pick<LockServer, 'bot'>,
  body: string,
  how: { readonly sender?: string; readonly event?: string; readonly replyTo?: string } = {},
): Promise<Outgoing[]> {
  typed += 1;
  const { sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: how.event ?? `$typed${typed}`,
      sender: how.sender ?? people.ben,
      origin_server_ts: bot.clock.now,
      content: {
        msgtype: 'm.text',
        body,
        ...(how.replyTo === undefined
          ? {}
          : { 'm.relates_to': { 'm.in_reply_to': { event_id: how.replyTo } } }),
      },
    },
  ]);
  return sent.map(({ outgoing }) => outgoing);
}

/** Lets time pass, as the worker that waits for what is due sees it; returns what the bot sends. */
export async function passTime({ bot }: Pick<LockServer, 'bot'>, ms: number): Promise<Outgoing[]> {
  bot.clock.now += ms;
  const { sent } = await bot.run(async () =>
    runDue(
      {
        store: bot.store,
        run: async (...due) => runScheduled(bot.context, ...due),
        now: bot.context.now,
      },
      new AbortController().signal,
    ),
  );
  return sent.map(({ outgoing }) => outgoing);
}

/** The last answer, or edit of one, to a command. */
export function outcomeIn(sent: readonly Outgoing[], command = 'lock'): Reply | undefined {
  const found = sent.findLast(
    (one) => (one.kind === 'edit' || one.kind === 'reply') && one.reply.command === command,
  );
  return found !== undefined && 'reply' in found ? found.reply : undefined;
}
