import { randomBytes } from 'node:crypto';

import type { PollTimes } from '../../core/async/poll.ts';
import { TargetError } from '../../core/errors.ts';
import { localpartOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { ThreepidInput, UserDetail } from '../../homeserver/admin/users.ts';
import type { MasApi } from '../../homeserver/mas/mas-api.ts';
import type { MasUser } from '../../homeserver/mas/users.ts';
import type { DelegatedDevices } from './delegated-devices.ts';
import { delegatedUserReads } from './delegated-user-reads.ts';
import type { DelegatedUserReadsContext } from './delegated-user-reads.ts';
import { activeSessions, hasAdminScope } from './sessions.ts';
import { untilShown } from './until-shown.ts';

type UsersApi = AdminApi['users'];

/** What reading and changing accounts in both services needs. */
export interface DelegatedUsersContext extends DelegatedUserReadsContext {
  readonly synapse: UsersApi;
  readonly mas: MasApi;
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
  const reads = delegatedUserReads(context);
  const { get, find } = reads;

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
    ...reads,

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

function hasEmails({ threepids }: UserDetail, emails: readonly string[]): boolean {
  const present = threepids.filter(({ medium }) => medium === 'email');
  return (
    new Set(present.map(({ address }) => address.toLowerCase())).symmetricDifference(
      new Set(emails.map((email) => email.toLowerCase())),
    ).size === 0
  );
}
