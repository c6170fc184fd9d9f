import { describe, expect, it } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import type { UserDetail } from '../../../src/homeserver/admin/users.ts';
import { editAccount, missingFrom } from '../../../src/services/accounts/account-edit.ts';

const put = 'PUT /_synapse/admin/v2/users/{user_id}';
const before = {
  name: '@mallory:example.com',
  displayname: 'Mallory',
  avatarUrl: null,
  admin: false,
  deactivated: false,
  userType: null,
  threepids: [
    { medium: 'email', address: 'm@example.com', addedAt: null, validatedAt: null },
    { medium: 'msisdn', address: '447470274584', addedAt: null, validatedAt: null },
  ],
  externalIds: [],
} as unknown as UserDetail;

/** Answers each change as told, and keeps what it was asked for. */
function server(after: Partial<UserDetail>, ...answers: (Error | undefined)[]) {
  const asked: object[] = [];
  const modify = async (_: string, change: object) => {
    asked.push(change);
    const error = answers[asked.length - 1];
    if (error !== undefined) {
      throw error;
    }
    return { ...before, ...after };
  };
  const users = { modify, get: async () => ({ ...before, ...after }) };
  return { api: { users } as unknown as AdminApi, asked };
}

const edit = { userType: 'bot', displayname: 'Tamed' } as const;
const limited = new HomeserverError(429, 'M_LIMIT_EXCEEDED', put);

describe('editAccount', () => {
  it('asks for the name apart from the rest, and last', async () => {
    const { api, asked } = server({ userType: 'bot', displayname: 'Tamed' });
    await expect(editAccount(api, before, edit)).resolves.toMatchObject({ missing: [] });
    expect(asked).toEqual([{ userType: 'bot' }, { displayname: 'Tamed' }]);
  });

  it('says what is missing where the homeserver refused a part', async () => {
    const { api } = server({ userType: 'bot' }, undefined, limited);
    await expect(editAccount(api, before, edit)).resolves.toMatchObject({
      missing: ['displayname'],
      error: limited,
    });
  });

  it('takes for done what was done in spite of a refusal', async () => {
    const { api } = server({ userType: 'bot', displayname: 'Tamed' }, undefined, limited);
    const edited = await editAccount(api, before, edit);
    expect(edited.missing).toEqual([]);
    expect(edited.error).toBeUndefined();
  });

  it('passes on what changed nothing, and what may have changed something', async () => {
    const { api } = server({}, limited);
    await expect(editAccount(api, before, edit)).rejects.toBe(limited);
    const lost = new UnreachableError(put, 'did not answer', true);
    await expect(editAccount(server({}, lost).api, before, edit)).rejects.toBe(lost);
  });

  it('sends the phone numbers along with new e-mail addresses, since all are replaced', async () => {
    const { api, asked } = server({});
    await editAccount(api, before, { emails: [{ medium: 'email', address: 'x@example.com' }] });
    expect(asked).toEqual([
      {
        threepids: [
          { medium: 'email', address: 'x@example.com' },
          { medium: 'msisdn', address: '447470274584' },
        ],
      },
    ]);
  });
});

describe('missingFrom', () => {
  it('takes an empty name for none, and addresses in any order', () => {
    expect(missingFrom(before, { avatarUrl: '', displayname: 'Mallory' })).toEqual([]);
    expect(missingFrom(before, { emails: [], admin: false, userType: null })).toEqual(['emails']);
  });
});
