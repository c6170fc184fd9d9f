import { parseUserId, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { SyncState } from '../../store/tables/sync-state.ts';

/** The bot's accounts on homeservers beside the first. */
export interface BotAccounts {
  /** Undefined if this homeserver has never answered. */
  on(serverName: string): UserId | undefined;
  /** A homeserver says which account the token belongs to. */
  remember(serverName: string, user: UserId): Promise<void>;
}

/** Reads the accounts of earlier runs: they are protected while their homeserver is away, too. */
export async function openBotAccounts(
  state: Pick<SyncState, 'get' | 'set'>,
  serverNames: readonly string[],
): Promise<BotAccounts> {
  const accounts = new Map<string, UserId>();
  for (const serverName of serverNames) {
    const user = parseUserId((await state.get(nameFor(serverName))) ?? '');
    if (user !== undefined && serverNameOf(user) === serverName) {
      accounts.set(serverName, user);
    }
  }
  return {
    on: (serverName) => accounts.get(serverName),
    async remember(serverName, user) {
      if (accounts.get(serverName) !== user) {
        await state.set(nameFor(serverName), user);
        accounts.set(serverName, user);
      }
    },
  };
}

const nameFor = (serverName: string) => `homeserver.bot ${serverName}`;
