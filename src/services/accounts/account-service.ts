import { poll } from '../../core/async/poll.ts';
import type { PollTimes } from '../../core/async/poll.ts';
import { HomeserverError, TargetError, orUndefined } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { Ratelimit } from '../../homeserver/admin/user-ratelimit.ts';
import type { NewUser, UserDetail } from '../../homeserver/admin/users.ts';
import { agree } from '../delegation/sides.ts';
import { rowsPerRequest } from '../pages.ts';
import type { Pages } from '../pages.ts';
import { editAccount, fieldsOf, missingFrom } from './account-edit.ts';
import type { AccountEdit } from './account-edit.ts';
import { listAccounts } from './account-list.ts';
import type { AccountListQuery, ListedAccount } from './account-list.ts';
import {
  accountsFromList,
  asksForNoApproval,
  fromList,
  searchAccounts,
  withServices,
} from './account-search.ts';
import type { Account, AccountFilter } from './account-search.ts';
import { setExperimentalFeatures, setValidity } from './account-settings.ts';
import { assertFree } from './identities.ts';
import type { ExternalIdInput, Identities, ThreepidInput } from './identities.ts';
import { findSignUps, groupNewAccounts, newestAccounts } from './sign-ups.ts';
import type { NewAccount } from './sign-ups.ts';
import { similarAccounts } from './similar-accounts.ts';
import { synapseTraits } from './traits.ts';
import type { AccountTraits } from './traits.ts';

/** How much an account has left behind on this server. */
export interface Footprint {
  readonly rooms: number;
  readonly devices: number;
  readonly files: number;
  /** The size of the files; of the newest ones only if `bytesAreAll` is false. */
  readonly bytes: number;
  readonly bytesAreAll: boolean;
}

/** Where a user's account is. */
export type Located =
  | { readonly where: 'here'; readonly account: UserDetail }
  /** The ID belongs to this server, but no account has it. */
  | { readonly where: 'nowhere' }
  | { readonly where: 'elsewhere' };

/** A new account, and why the homeserver refused a part of it after it had created it. */
export interface Created {
  readonly account: UserDetail;
  readonly refusal?: string;
}

type Done = 'done' | 'not_done';

/** The number of files whose sizes are added up; the command `media` lists more. */
const maxWeighedFiles = 500;
/** How often to look whether an account has left its rooms, and for how long. */
const leavingTimes: PollTimes = { firstIntervalMs: 50, maxIntervalMs: 1000, limitMs: 30_000 };

/** Accounts of this homeserver. */
export function createAccountService(
  api: Pick<AdminApi, 'users' | 'devices' | 'media'>,
  traits: AccountTraits = synapseTraits,
) {
  const { users } = api;

  /**
   * Asks whether an account is now as an interrupted call would have left it. If MAS says so and Synapse
   * doesn't, MAS is about to tell Synapse.
   */
  async function reconcile(
    user: UserId,
    isAsWanted: (account: UserDetail) => boolean,
  ): Promise<Done | 'unknown'> {
    const account: Account = await users.get(user);
    if (!isAsWanted(account)) {
      return 'not_done';
    }
    return account.sides === undefined || agree(account.sides) ? 'done' : 'unknown';
  }

  return {
    traits,

    /**
     * Lists and searches accounts. With a filter that Synapse does not have, the list is read as a whole.
     * GET /_synapse/admin/v2/users
     */
    list: (query: AccountListQuery): Pages<ListedAccount> => listAccounts(users, query),

    /** All accounts that match, sorted by ID, as far as the list of all accounts shows them. */
    search: async (filter: AccountFilter): Promise<Account[]> =>
      (await searchAccounts(users, filter)).map(fromList),

    /** See `accountsFromList`. */
    fromList: async (wanted: readonly UserId[], few?: number) =>
      accountsFromList(users, wanted, few),

    /** See `withServices`. */
    withServices: async (accounts: readonly Account[]) => withServices(users, accounts),

    /** An account of this server; undefined if there is none. */
    find: async (user: UserId) => users.find(user),

    /** Looks a user up, of this server or another. GET /_synapse/admin/v2/users/{user_id} */
    async locate(user: UserId): Promise<Located> {
      try {
        const account = await users.find(user);
        return account === undefined ? { where: 'nowhere' } : { where: 'here', account };
      } catch (error) {
        // The ID was checked before, so only one reason for a 400 is left.
        if (error instanceof HomeserverError && error.status === 400) {
          return { where: 'elsewhere' };
        }
        throw error;
      }
    },

    /** The account with this e-mail address, phone number or login at an identity provider. */
    async findByIdentity(by: ThreepidInput | ExternalIdInput): Promise<UserDetail | undefined> {
      const user =
        'medium' in by
          ? await users.findByThreepid(by.medium, by.address)
          : await users.findByExternalId(by.authProvider, by.externalId);
      return user === undefined ? undefined : users.find(user);
    },

    /** See `similarAccounts`. */
    similar: async (user: UserId): Promise<UserId[]> => similarAccounts(users, user),

    /** Counts the rooms, devices and files of an account. */
    async footprint({ name: user }: Pick<UserDetail, 'name'>): Promise<Footprint> {
      const [rooms, devices, media] = await Promise.all([
        users.joinedRooms(user),
        api.devices.list(user),
        api.media.list(user, { limit: maxWeighedFiles }),
      ]);
      return {
        rooms: rooms.total,
        devices: devices.length,
        files: media.total,
        bytes: media.media.reduce((sum, { mediaLength }) => sum + (mediaLength ?? 0), 0),
        bytesAreAll: media.total <= media.media.length,
      };
    },

    /**
     * The rooms that a user is in; for a user of another server, those shared with this one.
     * In a fixed order, so that the list can be cut into pages.
     */
    async joinedRooms(user: UserId): Promise<RoomId[]> {
      const { joinedRooms } = await users.joinedRooms(user);
      // Synapse returns them in no order.
      return joinedRooms.toSorted();
    },

    /**
     * The rooms that an account is or was in, is invited to, is banned from or has knocked on. In a fixed
     * order. GET /_synapse/admin/v1/users/{user_id}/memberships
     */
    async memberships(user: UserId) {
      const memberships = await users.memberships(user);
      return memberships.toSorted((one, other) => one.roomId.localeCompare(other.roomId));
    },

    accountData: async (user: UserId) => users.accountData(user),

    /**
     * The accounts that were created since a time, and groups of them that look as if one person made them.
     *
     * @param since milliseconds since 1970
     */
    signUps: async (since: number) => findSignUps(users, since),

    /** See `newestAccounts`. */
    newest: async (limit: number) => newestAccounts(users, limit),

    /** See `groupNewAccounts`. */
    groupNew: async (accounts: readonly NewAccount[]) => groupNewAccounts(users, accounts),

    /** The IP addresses and programs that an account was seen with. */
    connections: async (user: UserId) => users.whois(user),

    /** Whether a localpart is free for a new account. */
    usernameAvailability: async (localpart: string) => users.usernameAvailable(localpart),

    /** @throws TargetError another account than `self` has one of these identities */
    assertFree: async (identities: Identities, self: UserId) => assertFree(api, identities, self),

    /**
     * Creates an account. Synapse may refuse a part after it has created the account, and leaves the
     * account behind; then that account is returned with the reason.
     *
     * @throws TargetError the account exists
     * @throws HomeserverError nothing was created
     */
    async create(user: UserId, fields: NewUser): Promise<Created> {
      try {
        return { account: await users.create(user, fields) };
      } catch (error) {
        if (error instanceof HomeserverError && !error.mayHaveHappened) {
          const account = await users.find(user);
          if (account !== undefined) {
            return { account, refusal: error.message };
          }
        }
        throw error;
      }
    },

    reconcileCreation: async (user: UserId): Promise<Done> =>
      (await users.find(user)) === undefined ? 'not_done' : 'done',

    /** Changes an account. See `editAccount` for the order of calls and the errors. */
    edit: async (account: UserDetail, edit: AccountEdit) => editAccount(api, account, edit),

    /** `unknowable` if only a part of the edit was made: the rest won't follow. */
    async reconcileEdit(user: UserId, edit: AccountEdit): Promise<Done | 'unknowable'> {
      const missing = missingFrom(await users.get(user), edit).length;
      return missing === 0 ? 'done' : missing === fieldsOf(edit).length ? 'not_done' : 'unknowable';
    },

    /** Leaving the rooms goes on in the background. POST /_synapse/admin/v1/deactivate/{user_id} */
    deactivate: async (user: UserId, options: { readonly erase: boolean }) =>
      users.deactivate(user, options),

    /**
     * Waits for a while until a deactivated account has left its rooms. Synapse does that in the background.
     *
     * @returns the number of rooms that it is still in
     */
    async waitUntilGone(user: UserId, times: PollTimes = leavingTimes): Promise<number> {
      let rooms = 0;
      await poll(async () => {
        rooms = (await orUndefined(users.joinedRooms(user)))?.total ?? rooms;
        return rooms === 0 ? true : undefined;
      }, times);
      return rooms;
    },

    reconcileDeactivation: async (user: UserId, { erase }: { readonly erase: boolean }) =>
      reconcile(user, (now) => now.deactivated && (!erase || now.erased)),

    /** The account has no password afterwards. PUT /_synapse/admin/v2/users/{user_id} */
    reactivate: async (user: UserId) => users.reactivate(user),

    reconcileReactivation: async (user: UserId) => reconcile(user, (now) => !now.deactivated),

    /** Stops all sessions of an account, or lets them continue. */
    setLocked: async (user: UserId, locked: boolean) => users.setLocked(user, locked),

    reconcileLocked: async (user: UserId, locked: boolean) =>
      reconcile(user, (now) => now.locked === locked),

    /** Lets an account read, but not send. PUT /_synapse/admin/v1/suspend/{user_id} */
    setSuspended: async (user: UserId, suspended: boolean) => users.setSuspended(user, suspended),

    reconcileSuspended: async (user: UserId, suspended: boolean) =>
      reconcile(user, (now) => now.suspended === suspended),

    /**
     * Approves a new account, or takes the approval back: then nobody can log in to it.
     *
     * @throws TargetError this homeserver does not ask for approval
     */
    async setApproved(user: UserId, approved: boolean): Promise<UserDetail> {
      const account = await users.setApproved(user, approved);
      if (account.approved !== approved) {
        throw asksForNoApproval();
      }
      return account;
    },

    reconcileApproved: async (user: UserId, approved: boolean) =>
      reconcile(user, (now) => now.approved === approved),

    /** See `setValidity`. */
    setValidity: async (
      user: UserId,
      options: { readonly expirationTs: number | undefined; readonly renewalEmails: boolean },
    ) => setValidity(api, user, options),

    /** Features that Synapse can enable for single accounts, and whether they are enabled for this one. */
    experimentalFeatures: async (user: UserId) => users.experimentalFeatures(user),

    /** See `setExperimentalFeatures`. */
    setExperimentalFeatures: async (user: UserId, wanted: ReadonlyMap<string, boolean>) =>
      setExperimentalFeatures(api, user, wanted),

    async reconcileExperimentalFeatures(
      user: UserId,
      wanted: ReadonlyMap<string, boolean>,
    ): Promise<Done> {
      const now = await users.experimentalFeatures(user);
      return [...wanted].every(([feature, enabled]) => now.get(feature) === enabled)
        ? 'done'
        : 'not_done';
    },

    /**
     * Lets somebody replace their cross-signing keys without their password for a while.
     *
     * @returns until when, in milliseconds since 1970
     * @throws TargetError the account has no cross-signing keys
     */
    async allowCrossSigningReset(user: UserId): Promise<number> {
      const until = await users.allowCrossSigningReset(user);
      if (until === undefined) {
        throw new TargetError(
          'state',
          `${user} has no cross-signing keys`,
          'They can set up encryption without this. Nothing was changed.',
        );
      }
      return until;
    },

    /** Hides what an account sends without telling its owner. */
    setShadowBanned: async (user: UserId, shadowBanned: boolean) =>
      shadowBanned ? users.shadowBan(user) : users.unshadowBan(user),

    reconcileShadowBanned: async (user: UserId, shadowBanned: boolean) =>
      reconcile(user, (now) => now.shadowBanned === shadowBanned),

    isServerAdmin: async (user: UserId) => users.getAdmin(user),

    setServerAdmin: async (user: UserId, admin: boolean) => users.setAdmin(user, admin),

    reconcileServerAdmin: async (user: UserId, admin: boolean): Promise<Done> =>
      (await users.getAdmin(user)) === admin ? 'done' : 'not_done',

    /** All server admins, at most `limit`. */
    async serverAdmins(limit: number): Promise<UserId[]> {
      const admins = await users.list({ admins: true, limit });
      return admins.users.map(({ name }) => name);
    },

    /** The server admins besides `user` who can act: neither deactivated nor locked. */
    async otherServerAdmins(user: UserId): Promise<UserId[]> {
      const admins: UserId[] = [];
      for await (const { name, deactivated, locked } of users.all({
        admins: true,
        limit: rowsPerRequest,
      })) {
        if (name !== user && !deactivated && !locked) {
          admins.push(name);
        }
      }
      return admins;
    },

    /** @param options.logoutDevices whether all sessions end */
    setPassword: async (user: UserId, newPassword: string, options: { logoutDevices: boolean }) =>
      users.resetPassword(user, { newPassword, ...options }),

    /** An access token that acts as the account until a time, in milliseconds since 1970. A secret. */
    async loginAs(user: UserId, validUntilMs: number): Promise<string> {
      const { accessToken } = await users.loginAs(user, { validUntilMs });
      return accessToken;
    },

    /** The account's own rate limit; undefined if the server's limit applies. */
    ratelimit: async (user: UserId) => users.getRatelimit(user),

    setRatelimit: async (user: UserId, limit: Ratelimit) => users.setRatelimit(user, limit),

    /** Removes the account's own rate limit, so that the server's limit applies again. */
    clearRatelimit: async (user: UserId) => users.clearRatelimit(user),

    async reconcileRatelimit(user: UserId, wanted: Ratelimit | undefined): Promise<Done> {
      const limit = await users.getRatelimit(user);
      return limit?.messagesPerSecond === wanted?.messagesPerSecond &&
        limit?.burstCount === wanted?.burstCount
        ? 'done'
        : 'not_done';
    },
  };
}

export type AccountService = ReturnType<typeof createAccountService>;
