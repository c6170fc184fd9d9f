import { didTo, nameAndId } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { positional, userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { deviceName, deviceTable, unknownDevice } from './parts/device-text.ts';

const declared = {
  account: userArgument,
  devices: positional('text', 'One or more device IDs (case-sensitive)', {
    many: true,
    placeholder: 'DEVICE',
  }),
} as const;

export default defineCommand({
  name: 'delete-device',
  synonyms: [
    'delete',
    'end-session',
    'log-out',
    'logout',
    'remove-device',
    'revoke-session',
    'sign-out',
  ],
  summary: 'Logs out and removes devices',
  does: ['revoke access tokens, and delete encryption keys and pushers'],
  doesNot: ['change the password: anyone who knows it can log in again (see !reset-password)'],
  args: declared,
  danger: 'destructive',
  reversible: false,
  example: 'delete-device @mallory:example.com QBUAZIFURK AUIECTSRND',
  endpoints: [
    'DELETE /_synapse/admin/v2/users/{user_id}/devices/{device_id}',
    'POST /_synapse/admin/v2/users/{user_id}/delete_devices',
  ],

  async preview(context) {
    const { args, now } = context;
    const { devices, unknown } = await known(context);
    return {
      title: [`Log out ${count(devices.length, 'device')} of `, ...nameAndId(args.account), '?'],
      body: [
        deviceTable(devices, now),
        ...unknownLine(unknown),
        line('Will not: change the password, so they can log in again'),
      ],
      warning: 'A device that is logged out loses its encryption keys.',
    };
  },

  async run(context) {
    const { args, services } = context;
    const { devices, unknown } = await known(context);
    await services.devices.logOut(
      args.account.name,
      devices.map(({ deviceId }) => deviceId),
    );
    return { devices, unknown };
  },

  answer: ({ args: { account } }, { devices, unknown }) => ({
    mark: unknown.length === 0 ? '✅' : '⚠️',
    title: didTo(`Logged out ${count(devices.length, 'device')} of`, account),
    body: [{ kind: 'list', items: devices.map(deviceName) }, ...unknownLine(unknown)],
    next: [`devices ${idWord(account.name)}`],
    data: {
      userId: account.name,
      devices: devices.map(({ deviceId }) => deviceId),
      unknownDevices: unknown,
    },
  }),

  reconcile: async ({ args, services }) =>
    services.devices.reconcileLogOut(args.account.name, args.devices),
});

/** @throws TargetError none of them exists */
async function known({ args, services, prefix }: Context<typeof declared>) {
  const found = await services.devices.findAll(args.account.name, args.devices);
  if (found.devices.length === 0) {
    throw unknownDevice(args.account, args.devices, prefix);
  }
  return found;
}

function unknownLine(unknown: readonly string[]) {
  return unknown.length === 0 ? [] : [line(`Unknown, left out: ${unknown.join(', ')}`)];
}
