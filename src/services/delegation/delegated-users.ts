import { randomBytes } from 'node:crypto';

import type { PollTimes } from '../../core/async/poll.ts';
import { HomeserverError, TargetError } from '../../core/errors.ts';
import { localpartOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type {
  ThreepidInput,
  UserDetail,
  UserPage,
  UserQuery,
  UserSummary,
} from '../../homeserver/admin/users.ts';
import type { MasApi } from '../../homeserver/mas/mas-api.ts';
import type { MasUser } from '../../homeserver/mas/users.ts';
import { pageSize } from '../../homeserver/paginate.ts';
import type { DelegatedDevices } from './delegated-devices.ts';
import type { Logins } from './logins.ts';
import type { MasAccounts } from './mas-accounts.ts';
import { activeSessions, hasAdminScope } from './sessions.ts';
import { bothSides } from './sides.ts';
import type { DelegatedAccount } from './sides.ts';
import { untilShown } from './until-shown.ts';

type UsersApi = AdminApi['users'];

/** What reading and changing accounts in both services needs. */
export interface DelegatedUsersContext {
  readonly synapse: UsersApi;
  readonly mas: MasApi;
  readonly accounts: MasAccounts;
  readonly logins: Logins;
  readonly devices: DelegatedDevices;
  readonly arrivalTimes: PollTimes;
}

/**
 * The accounts of a homeserver that delegates them to MAS, in the shape of Synapse's admin API. What MAS
 * decides is read and changed there, and a change is done only when Synapse shows it. Accounts that MAS
 * doesn't know, such as those of application services, exist only in Synapse.
 */
export function delegatedUsersApi(context: DelegatedUsersContext): UsersApi {
  const { synapse, mas, accounts, logins, devices, arrivalTimes } = context;

  /** @throws HomeserverError 400 account of another server, 404 neither of the two knows it */
  async function get(user: UserId): Promise<DelegatedAccount> {
    const [known, atMas] = await Promise.allSettled([synapse.get(user), ofMas(user)]);
    if (known.status === 'rejected' && !isUnknown(known.reason)) {
      throw known.reason;
    }
    if (atMas.status === 'rejected') {
      // While MAS can't be reached, nobody can tell an admin from an ordinary account.
      throw atMas.reason;
    }
    const detail = known.status === 'fulfilled' ? known.value : undefined;
    const { account, isAdmin, externalIds } = atMas.value;
    const both = bothSides(user, detail, account, isAdmin);
    if (both === undefined) {
      throw known.status === 'rejected' ? known.reason : new TypeError('unreachable');
    }
    return { ...both, externalIds: [...both.externalIds, ...externalIds] };
  }

  async function ofMas(user: UserId) {
    const account = await accounts.find(user);
    if (account === undefined) {
      return { account, isAdmin: false, externalIds: [] };
    }
    const [isAdmin, externalIds] = await Promise.all([
      accounts.isServerAdmin(account),
      logins.of(account.id),
    ]);
    return { account, isAdmin, externalIds };
  }

  async function find(user: UserId): Promise<DelegatedAccount | undefined> {
    try {
      return await get(user);
    } catch (error) {
      if (isUnknown(error)) {
        return undefined;
      }
      throw error;
    }
  }

  /** Waits until Synapse's own record of an account is as wanted. Without a record, it doesn't wait. */
  async function shown(
    user: UserId,
    request: string,
    isAsWanted: (account: UserDetail) => boolean,
  ): Promise<void> {
    await untilShown(
      async () => {
        const account = await synapse.find(user);
        return account === undefined || isAsWanted(account);
      },
      request,
      arrivalTimes,
    );
  }

  /** @throws TargetError MAS doesn't know the account */
  async function needMas(user: UserId, what: string): Promise<MasUser> {
    const account = await accounts.find(user);
    if (account === undefined) {
      throw new TargetError(
        'state',
        `the authentication service does not know ${user}, so ${what}`,
        'Nothing was changed.',
      );
    }
    return account;
  }

  /** Corrects rows of Synapse's list by what MAS says about admins, locks and deactivations. */
  async function masWord({
    deactivated: withDeactivated,
  }: UserQuery): Promise<(row: UserSummary) => Promise<UserSummary>> {
    const [admins, locked, deactivated] = await Promise.all([
      accounts.serverAdmins(),
      accounts.withStatus('locked'),
      // There may be very many, and Synapse lists them only if asked.
      withDeactivated === true ? accounts.withStatus('deactivated') : new Set<UserId>(),
    ]);
    return async (row) => ({
      ...row,
      admin: admins.has(row.name),
      locked: locked.has(row.name),
      deactivated:
        deactivated.has(row.name) ||
        // An account that only Synapse has deactivated can still log in.
        (row.deactivated && (await accounts.find(row.name)) === undefined),
    });
  }

  const listed = (query: UserQuery): UserQuery => {
    const { admins: _, ...rest } = query;
    // With MAS, Synapse refuses to list accounts unless guests are left out.
    return { ...rest, guests: false };
  };

  /** All server admins, whom Synapse can't list. */
  async function adminRows(query: UserQuery): Promise<DelegatedAccount[]> {
    const rows: DelegatedAccount[] = [];
    const part = (query.name ?? query.userId ?? '').toLowerCase();
    for (const user of [...(await accounts.serverAdmins())].sort()) {
      const account = await find(user);
      const isWanted =
        account !== undefined &&
        (query.deactivated === true || !account.deactivated) &&
        [account.name, account.displayname ?? ''].some((text) => text.toLowerCase().includes(part));
      if (isWanted) {
        rows.push({ ...account, admin: true });
      }
    }
    return query.dir === 'b' ? rows.reverse() : rows;
  }

  async function list(query: UserQuery = {}): Promise<UserPage> {
    if (query.admins === true) {
      const rows = await adminRows(query);
      const start = Number(query.from ?? 0);
      const end = start + (pageSize(query.limit) ?? 100);
      return {
        users: rows.slice(start, end),
        total: rows.length,
        nextToken: end < rows.length ? String(end) : null,
      };
    }
    const page = await synapse.list(listed(query));
    const users = await Promise.all(page.users.map(await masWord(query)));
    if (query.admins === undefined) {
      return { ...page, users };
    }
    // Synapse lists and counts everybody.
    const admins = (await adminRows(query)).filter(({ sides }) => sides.synapse !== null);
    return {
      ...page,
      users: users.filter(({ admin }) => !admin),
      total: Math.max(0, page.total - admins.length),
    };
  }

  async function* all(query: UserQuery = {}): AsyncGenerator<UserSummary, void, undefined> {
    if (query.admins === true) {
      yield* await adminRows(query);
      return;
    }
    const corrected = await masWord(query);
    for await (const row of synapse.all(listed(query))) {
      const account = await corrected(row);
      if (query.admins === undefined || !account.admin) {
        yield account;
      }
    }
  }

  async function setEmails(account: MasUser, wanted: readonly string[]): Promise<void> {
    const present = await Array.fromAsync(mas.userEmails.all({ userId: account.id }));
    for (const one of present) {
      if (!wanted.includes(one.email)) {
        await mas.userEmails.delete(one.id);
      }
    }
    for (const address of wanted) {
      if (!present.some(({ email }) => email === address)) {
        await mas.userEmails.add(account.id, address);
      }
    }
  }

  /** @throws TargetError MAS keeps no phone numbers */
  function emailsOf(threepids: readonly ThreepidInput[]): string[] {
    if (threepids.some(({ medium }) => medium !== 'email')) {
      throw new TargetError(
        'state',
        'the authentication service keeps no phone numbers',
        'Nothing was changed. Leave the phone number out.',
      );
    }
    return threepids.map(({ address }) => address);
  }

  async function setAdmin(user: UserId, admin: boolean): Promise<void> {
    const account = await needMas(user, 'this account can’t have admin rights');
    await mas.users.setAdmin(account.id, admin);
    if (!admin) {
      // Tokens that have admin scopes keep them.
      const sessions = await activeSessions(mas, account.id);
      await devices.endSessions(
        user,
        sessions.filter(({ scope }) => scope !== undefined && hasAdminScope(scope)),
      );
    }
  }

  async function setPassword(account: MasUser, password: string): Promise<void> {
    await mas.users.setPassword(account.id, { password, skipPasswordCheck: true });
  }

  return {
    ...synapse,
    get,
    find,
    list,
    all,

    async create(user, fields) {
      if ((await find(user)) !== undefined) {
        throw new TargetError('state', `the account ${user} exists already`);
      }
      const emails = emailsOf(fields.threepids ?? []);
      await logins.assertKnown(fields.externalIds ?? []);
      const account = await mas.users.create({
        localpart: localpartOf(user),
        displayName: fields.displayname,
        avatarUrl: fields.avatarUrl,
      });
      if (fields.password !== undefined) {
        await setPassword(account, fields.password);
      }
      for (const email of emails) {
        await mas.userEmails.add(account.id, email);
      }
      await logins.set(account.id, fields.externalIds ?? []);
      if (fields.userType) {
        await synapse.modify(user, { userType: fields.userType });
      }
      if (fields.admin === true) {
        await mas.users.setAdmin(account.id, true);
      }
      return get(user);
    },

    async modify(user, change) {
      const { displayname, avatarUrl } = change;
      if (displayname !== undefined || avatarUrl !== undefined) {
        await synapse.modify(user, { displayname, avatarUrl });
        return get(user);
      }
      const { password, admin, threepids, externalIds, userType, logoutDevices } = change;
      const account = await accounts.find(user);
      if (account === undefined) {
        return synapse.modify(user, change);
      }
      const emails = threepids === undefined ? undefined : emailsOf(threepids);
      await logins.assertKnown(externalIds ?? []);
      if (userType !== undefined) {
        await synapse.modify(user, { userType });
      }
      if (password !== undefined) {
        await setPassword(account, password);
        if (logoutDevices !== false) {
          await devices.endAll(user);
        }
      }
      if (emails !== undefined) {
        await setEmails(account, emails);
        await shown(user, 'POST /api/admin/v1/user-emails', (now) => hasEmails(now, emails));
      }
      if (externalIds !== undefined) {
        await logins.set(account.id, externalIds);
      }
      if (admin !== undefined) {
        await setAdmin(user, admin);
      }
      return get(user);
    },

    async usernameAvailable(localpart) {
      const available = await synapse.usernameAvailable(localpart);
      // MAS may know accounts that Synapse doesn't know yet.
      return available.available && (await accounts.knows(localpart))
        ? { available: false, reason: 'taken' }
        : available;
    },

    async findByThreepid(medium, address) {
      return (
        (await synapse.findByThreepid(medium, address)) ??
        (medium === 'email' ? logins.findByEmail(address) : undefined)
      );
    },

    async findByExternalId(provider, externalId) {
      return (
        (await logins.findBySubject(provider, externalId)) ??
        synapse.findByExternalId(provider, externalId)
      );
    },

    async deactivate(user, { erase }) {
      const account = await accounts.find(user);
      if (account === undefined) {
        await synapse.deactivate(user, { erase });
        return;
      }
      await mas.users.deactivate(account.id, { erase });
      await shown(
        user,
        'POST /api/admin/v1/users/{id}/deactivate',
        (now) => now.deactivated && (!erase || now.erased),
      );
    },

    async reactivate(user) {
      const account = await accounts.find(user);
      if (account === undefined) {
        return synapse.reactivate(user);
      }
      await mas.users.reactivate(account.id);
      await shown(user, 'POST /api/admin/v1/users/{id}/reactivate', (now) => !now.deactivated);
      return get(user);
    },

    async shadowBan() {
      throw new TargetError(
        'state',
        'shadow-banning has no effect on a homeserver with the Matrix Authentication Service',
        'Nothing was changed. Suspend the account instead.',
      );
    },

    async setLocked(user, locked) {
      const account = await accounts.find(user);
      if (account === undefined) {
        return synapse.setLocked(user, locked);
      }
      await (locked ? mas.users.lock(account.id) : mas.users.unlock(account.id));
      await shown(
        user,
        `POST /api/admin/v1/users/{id}/${locked ? 'lock' : 'unlock'}`,
        (now) => now.locked === locked,
      );
      return get(user);
    },

    async resetPassword(user, { newPassword, logoutDevices }) {
      const account = await needMas(user, 'it has no password');
      await setPassword(account, newPassword);
      if (logoutDevices) {
        await devices.endAll(user);
      }
    },

    getAdmin: async (user) => (await find(user))?.admin ?? false,

    setAdmin,

    async loginAs(user, { validUntilMs }) {
      const account = await needMas(user, 'nobody can log in as this account');
      const { accessToken } = await mas.personalSessions.create({
        actorId: account.id,
        name: 'Lawspeaker: login-as',
        // With a device, the token ends at once when the session is ended.
        scope: [
          'urn:matrix:client:api:*',
          `urn:matrix:client:device:LAWSPEAKER${randomBytes(5).toString('hex').toUpperCase()}`,
        ],
        expiresInS: Math.max(1, Math.round((validUntilMs - Date.now()) / 1000)),
      });
      return { accessToken };
    },
  };
}

function isUnknown(error: unknown): boolean {
  return error instanceof HomeserverError && error.isNotFound;
}

function hasEmails({ threepids }: UserDetail, emails: readonly string[]): boolean {
  const present = threepids.filter(({ medium }) => medium === 'email');
  return (
    new Set(present.map(({ address }) => address.toLowerCase())).symmetricDifference(
      new Set(emails.map((email) => email.toLowerCase())),
    ).size === 0
  );
}
