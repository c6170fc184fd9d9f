import { HomeserverError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { UserDetail } from '../../homeserver/admin/users.ts';
import type { ExternalIdInput, ThreepidInput } from './identities.ts';

/** The new values of an account; undefined ones stay as they are. */
export interface AccountEdit {
  readonly reactivate?: true | undefined;
  readonly admin?: boolean | undefined;
  /** Null: an ordinary account. */
  readonly userType?: string | null | undefined;
  /** Empty: none. */
  readonly displayname?: string | undefined;
  /** Empty: none. */
  readonly avatarUrl?: string | undefined;
  /** Replaces the e-mail addresses; the phone numbers stay. */
  readonly emails?: readonly ThreepidInput[] | undefined;
  /** Replaces the phone numbers; the e-mail addresses stay. */
  readonly phones?: readonly ThreepidInput[] | undefined;
  readonly externalIds?: readonly ExternalIdInput[] | undefined;
}

export type EditedField = keyof AccountEdit;

/** The fields of an edit that the account does not have yet. */
export function missingFrom(account: UserDetail, edit: AccountEdit): EditedField[] {
  const threepids = (medium: string) =>
    account.threepids.filter((one) => one.medium === medium).map(({ address }) => address);
  const differs: Record<EditedField, () => boolean> = {
    reactivate: () => account.deactivated,
    admin: () => account.admin !== edit.admin,
    userType: () => account.userType !== edit.userType,
    displayname: () => (account.displayname ?? '') !== edit.displayname,
    avatarUrl: () => (account.avatarUrl ?? '') !== edit.avatarUrl,
    emails: () =>
      !same(
        threepids('email'),
        edit.emails?.map(({ address }) => address),
      ),
    phones: () =>
      !same(
        threepids('msisdn'),
        edit.phones?.map(({ address }) => address),
      ),
    externalIds: () => !same(account.externalIds.map(identity), edit.externalIds?.map(identity)),
  };
  return fieldsOf(edit).filter((field) => differs[field]());
}

/** The fields that an edit names. */
export function fieldsOf(edit: AccountEdit): EditedField[] {
  return (Object.keys(edit) as EditedField[]).filter((field) => edit[field] !== undefined);
}

function identity({ authProvider, externalId }: ExternalIdInput): string {
  return JSON.stringify([authProvider, externalId]);
}

function same(one: readonly string[], other: readonly string[] = []): boolean {
  return new Set(one).symmetricDifference(new Set(other)).size === 0;
}

/** The result of an edit. */
export interface Edited {
  readonly account: UserDetail;
  /** The fields that the homeserver did not change. */
  readonly missing: readonly EditedField[];
  readonly error?: HomeserverError;
}

/**
 * Changes an account, in several requests if necessary. Synapse counts a change of the profile against
 * the account's own rate limit, so that goes alone and last. Synapse also applies parts of a request that
 * it refuses, so the account is read again after a refusal.
 * PUT /_synapse/admin/v2/users/{user_id}
 *
 * @throws HomeserverError nothing was changed
 * @throws UnreachableError it is not known what was changed
 */
export async function editAccount(
  api: Pick<AdminApi, 'users'>,
  before: UserDetail,
  edit: AccountEdit,
): Promise<Edited> {
  const wanted = missingFrom(before, edit);
  try {
    let account = before;
    for (const step of stepsFor(api, before, edit, new Set(wanted))) {
      account = await step(before.name);
    }
    return { account, missing: [] };
  } catch (error) {
    if (!(error instanceof HomeserverError) || error.mayHaveHappened) {
      throw error;
    }
    const account = await api.users.get(before.name);
    const missing = missingFrom(account, edit);
    if (missing.length === wanted.length) {
      throw error;
    }
    return missing.length === 0 ? { account, missing } : { account, missing, error };
  }
}

const accountFields: readonly EditedField[] = [
  'admin',
  'userType',
  'emails',
  'phones',
  'externalIds',
];

type Step = (user: UserId) => Promise<UserDetail>;

function stepsFor(
  { users }: Pick<AdminApi, 'users'>,
  before: UserDetail,
  edit: AccountEdit,
  wanted: ReadonlySet<EditedField>,
): Step[] {
  const steps: Step[] = [];
  const when = <Value>(field: EditedField, value: Value) => (wanted.has(field) ? value : undefined);
  if (wanted.has('reactivate')) {
    steps.push(async (user) => users.reactivate(user));
  }
  if (accountFields.some((field) => wanted.has(field))) {
    const threepids =
      wanted.has('emails') || wanted.has('phones') ? threepidsAfter(before, edit) : undefined;
    steps.push(async (user) =>
      users.modify(user, {
        admin: when('admin', edit.admin),
        userType: when('userType', edit.userType),
        threepids,
        externalIds: when('externalIds', edit.externalIds),
      }),
    );
  }
  if (wanted.has('displayname') || wanted.has('avatarUrl')) {
    steps.push(async (user) =>
      users.modify(user, {
        displayname: when('displayname', edit.displayname),
        avatarUrl: when('avatarUrl', edit.avatarUrl),
      }),
    );
  }
  return steps;
}

/** Synapse replaces all addresses at once, so those that stay are sent as well. */
function threepidsAfter(before: UserDetail, { emails, phones }: AccountEdit): ThreepidInput[] {
  const kept = (medium: 'email' | 'msisdn') =>
    before.threepids
      .filter((one) => one.medium === medium)
      .map(({ address }) => ({ medium, address }));
  return [...(emails ?? kept('email')), ...(phones ?? kept('msisdn'))];
}
