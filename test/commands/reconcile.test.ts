import { describe, expect, test } from 'vitest';

import type { Context, Reconciliation } from '../../src/chat/command/declaration.ts';
import type { AdminApi } from '../../src/homeserver/admin/admin-api.ts';
import { createAccountService } from '../../src/services/accounts/account-service.ts';
import { createDeviceService } from '../../src/services/devices/device-service.ts';
import { createMediaService } from '../../src/services/media/media-service.ts';
import { registry } from '../support/fuzz-bot.ts';

/** What a command finds out about a call that was cut off, from what the homeserver says now. */
async function reconcile(
  command: string,
  args: Readonly<Record<string, unknown>>,
  api: object,
): Promise<Reconciliation | undefined> {
  const client = api as AdminApi;
  const services = {
    accounts: createAccountService(client),
    devices: createDeviceService(client),
    ...('media' in api ? { media: createMediaService(client, 'localhost') } : {}),
  };
  const context = { args, services } as unknown as Context;
  return registry.find(command)?.reconcile?.(context);
}

const mallory = { name: '@mallory:localhost', displayname: null };

describe('a call that was cut off: delete-device', () => {
  test.for([
    [[], ['A'], 'done'],
    [[], ['A', 'B'], 'done'],
    [['A', 'B'], ['A', 'B'], 'not_done'],
    [['A', 'C'], ['A'], 'not_done'],
    // Only some of them are gone, and nobody can tell whether they were there.
    [['A'], ['A', 'B'], 'unknowable'],
  ] as const)('with the devices %j left, %j are %s', async ([left, devices, end]) => {
    const list = async () => left.map((deviceId) => ({ deviceId }));
    expect(
      await reconcile('delete-device', { account: mallory, devices }, { devices: { list } }),
    ).toBe(end);
  });
});

describe('a call that was cut off: deactivate', () => {
  test.for([
    [{ deactivated: false, erased: false }, false, 'not_done'],
    [{ deactivated: true, erased: false }, false, 'done'],
    [{ deactivated: false, erased: false }, true, 'not_done'],
    // It was deactivated before: that is not what was asked for.
    [{ deactivated: true, erased: false }, true, 'not_done'],
    [{ deactivated: true, erased: true }, true, 'done'],
  ] as const)('of an account that is %j, with --erase %s, is %s', async ([now, erase, end]) => {
    const get = async () => ({ ...mallory, ...now });
    expect(await reconcile('deactivate', { accounts: mallory, erase }, { users: { get } })).toBe(
      end,
    );
  });
});

const some = {
  ended: 'partial',
  why: '1 of 2 files still exists',
  advice: 'Send the command again to delete the rest.',
};

describe('a call that was cut off: several files', () => {
  const media = ['mxc://localhost/a', 'mxc://localhost/b'];
  const find = (files: Readonly<Record<string, object>>) => ({
    media: { find: async (uri: string) => files[uri.slice(-1)] },
  });

  test.for([
    [{}, 'done'],
    [{ a: {}, b: {} }, 'not_done'],
    [{ b: {} }, some],
  ] as const)('delete-media, with %j left, is %j', async ([left, end]) => {
    expect(await reconcile('delete-media', { media }, find(left))).toEqual(end);
  });

  test('delete-media never deletes another server’s file, so that does not count', async () => {
    const away = ['mxc://localhost/a', 'mxc://remote.example/b'];
    expect(await reconcile('delete-media', { media: away }, find({ b: {} }))).toBe('done');
  });

  const open = { quarantinedBy: null, safeFromQuarantine: false };
  const shut = { quarantinedBy: '@bot:localhost', safeFromQuarantine: true };
  test.for([
    [{ a: shut, b: shut }, 'done', 'not_done'],
    [{ a: shut }, 'done', 'not_done'],
    [{ a: open, b: open }, 'not_done', 'done'],
    // One of them may have been like this before.
    [{ a: open, b: shut }, 'unknowable', 'unknowable'],
    [{}, 'unknowable', 'unknowable'],
  ] as const)('with the files %j', async ([files, set, lifted]) => {
    const args = { media, user: undefined };
    for (const command of ['quarantine', 'protect-media']) {
      expect(await reconcile(command, args, find(files))).toBe(set);
    }
    for (const command of ['unquarantine', 'unprotect-media']) {
      expect(await reconcile(command, args, find(files))).toBe(lifted);
    }
  });
});
