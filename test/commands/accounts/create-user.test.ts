import { describe, expect, it } from 'vitest';

import type { Context } from '../../../src/chat/command/declaration.ts';
import createUser from '../../../src/commands/accounts/create-user.ts';
import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { createAccountService } from '../../../src/services/accounts/account-service.ts';

const user = '@alice:example.com' as UserId;
const put = 'PUT /_synapse/admin/v2/users/{user_id}';

interface World {
  readonly messages: string[][];
  readonly passwords: string[];
  readonly context: Context;
}

/** A homeserver and a direct room that do as told; the account exists once it was tried to be made. */
function world(faults: { create?: Error; openDirect?: Error; directAnswer?: Error }): World {
  const messages: string[][] = [];
  const passwords: string[] = [];
  const account = { name: user, displayname: null, admin: false, deactivated: false };
  const users = {
    find: async () => (passwords.length === 0 ? undefined : account),
    usernameAvailable: async () => ({ available: true }),
    async create(_: UserId, { password }: { password: string }) {
      passwords.push(password);
      if (faults.create !== undefined) {
        throw faults.create;
      }
      return account;
    },
  };
  const bot = {
    async openDirect() {
      if (faults.openDirect !== undefined) {
        throw faults.openDirect;
      }
      return async (lines: string[]) => {
        if (faults.directAnswer !== undefined) {
          throw faults.directAnswer;
        }
        messages.push(lines);
      };
    },
  };
  const context = {
    args: { user, email: [], phone: [], externalId: [], admin: false },
    actor: { kind: 'person', user: '@ana:example.com' },
    services: {
      accounts: createAccountService({ users } as unknown as AdminApi),
      server: { hasPasswordLogin: async () => true },
      bot,
    },
    prefix: '!',
  } as unknown as Context;
  return { messages, passwords, context };
}

const outcome = async ({ context }: World) =>
  createUser.answer(context, await createUser.run(context));

describe('create-user', () => {
  it('makes nothing where the password could not be told', async () => {
    const closed = world({
      openDirect: new HomeserverError(403, 'M_FORBIDDEN', 'POST /createRoom'),
    });
    await expect(createUser.run(closed.context)).rejects.toMatchObject({ status: 403 });
    expect(closed.passwords).toEqual([]);
  });

  it('tells the password of an account that a refusal left behind, and that there was one', async () => {
    const half = world({ create: new HomeserverError(409, 'M_UNKNOWN', put) });
    const answer = await outcome(half);
    expect(answer).toMatchObject({ mark: '⚠️', status: 'partial' });
    expect(half.messages.flat()).toContain(half.passwords[0]);
    expect(JSON.stringify(answer)).not.toContain(half.passwords[0]);
  });

  it('tells the password where no answer came: the account may have it', async () => {
    const lost = world({ create: new UnreachableError(put, 'did not answer', true) });
    await expect(createUser.run(lost.context)).rejects.toBeInstanceOf(UnreachableError);
    expect(lost.messages.flat()).toContain(lost.passwords[0]);
    expect(lost.messages.flat().join()).toContain('did not say');
  });

  it('tells nothing where the request never left', async () => {
    const away = world({ create: new UnreachableError(put, 'can’t be reached', false) });
    await expect(createUser.run(away.context)).rejects.toBeInstanceOf(UnreachableError);
    expect(away.messages).toEqual([]);
  });

  it('says that a password got lost, and how to make another', async () => {
    const mute = world({ directAnswer: new UnreachableError('PUT /send', 'did not answer', true) });
    const answer = await outcome(mute);
    expect(answer).toMatchObject({ mark: '⚠️', data: { passwordSent: false } });
    expect(JSON.stringify(answer)).toContain(`!reset-password ${user}`);
    expect(JSON.stringify(answer)).not.toContain(mute.passwords[0]);
  });
});
