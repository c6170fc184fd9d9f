import { localpartOf, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { MasId } from '../../homeserver/mas/json-api.ts';
import type { MasApi } from '../../homeserver/mas/mas-api.ts';
import type { MasUser } from '../../homeserver/mas/users.ts';
import { hasAdminScope } from './sessions.ts';

/** Finds accounts of this homeserver at MAS, and which of them are server admins. */
export function createMasAccounts(mas: MasApi, serverName: string) {
  const userIdOf = (localpart: string) => `@${localpart}:${serverName}` as UserId;

  /** MAS ignores the case of localparts; Matrix does not. */
  async function find(user: UserId): Promise<MasUser | undefined> {
    const localpart = localpartOf(user);
    // These localparts can't be part of a path, and MAS has no such accounts.
    if (serverNameOf(user) !== serverName || ['', '.', '..'].includes(localpart)) {
      return undefined;
    }
    const found = await mas.users.findByLocalpart(localpart);
    return found?.username === localpart ? found : undefined;
  }

  /** Whether a session of the account can use an admin API, even if the account is no longer an admin. */
  async function holdsAdminScope(id: MasId): Promise<boolean> {
    for await (const { scope } of mas.sessions.oauth.all({ userId: id, status: 'active' })) {
      if (hasAdminScope(scope)) {
        return true;
      }
    }
    for await (const session of mas.personalSessions.all({ actorId: id, status: 'active' })) {
      if (hasAdminScope(session.scope) && !isOver(session.expiresAt)) {
        return true;
      }
    }
    return false;
  }

  async function isUsedByPeople(clientId: MasId): Promise<boolean> {
    for await (const _ of mas.users.all({ activeClientId: clientId })) {
      return true;
    }
    return false;
  }

  /** The accounts that hold an admin scope, as far as MAS lists them by scope. */
  async function scopeHolders(): Promise<Set<MasId>> {
    const holders = new Set<MasId>();
    const masAdmin = { scopes: ['urn:mas:admin'], status: 'active' } as const;
    const lists = [
      mas.sessions.oauth.all({ scopes: ['urn:synapse:admin:*'], status: 'active' }),
      mas.sessions.oauth.all({ ...masAdmin, clientKind: 'dynamic' }),
    ];
    for await (const { id: clientId } of mas.clients.all({ kind: 'static' })) {
      // A client from MAS's configuration, such as this bot, gets a session without an account for each
      // token. There may be very many of these.
      if (await isUsedByPeople(clientId)) {
        lists.push(mas.sessions.oauth.all({ ...masAdmin, clientId }));
      }
    }
    for (const list of lists) {
      for await (const { userId } of list) {
        if (userId !== null) {
          holders.add(userId);
        }
      }
    }
    for await (const session of mas.personalSessions.all({ status: 'active' })) {
      if (hasAdminScope(session.scope) && !isOver(session.expiresAt)) {
        holders.add(session.actorUserId);
      }
    }
    return holders;
  }

  return {
    find,

    /** Whether MAS knows an account of this localpart. */
    knows: async (localpart: string): Promise<boolean> =>
      (await mas.users.findByLocalpart(localpart)) !== undefined,

    /** @throws MasError */
    isServerAdmin: async (account: MasUser): Promise<boolean> =>
      account.admin || holdsAdminScope(account.id),

    /** The accounts that MAS has locked or deactivated. */
    async withStatus(status: 'locked' | 'deactivated'): Promise<Set<UserId>> {
      const found = new Set<UserId>();
      for await (const { username } of mas.users.all({ status })) {
        found.add(userIdOf(username));
      }
      return found;
    },

    /** All server admins: accounts that MAS calls admins, and holders of admin scopes. */
    async serverAdmins(): Promise<Set<UserId>> {
      const admins = new Map<MasId, MasUser>();
      for await (const account of mas.users.all({ admin: true })) {
        admins.set(account.id, account);
      }
      for (const id of await scopeHolders()) {
        const account = admins.has(id) ? undefined : await mas.users.find(id);
        if (account !== undefined) {
          admins.set(id, account);
        }
      }
      return new Set([...admins.values()].map(({ username }) => userIdOf(username)));
    },
  };
}

export type MasAccounts = ReturnType<typeof createMasAccounts>;

function isOver(expiresAt: number | null): boolean {
  return expiresAt !== null && expiresAt <= Date.now();
}
