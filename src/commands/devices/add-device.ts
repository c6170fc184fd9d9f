import { didTo } from '../../chat/answers/account.ts';
import { code, line } from '../../chat/answers/answer.ts';
import { flag, positional, userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import { checkDeviceId, checkDeviceName } from './parts/device-text.ts';

export default defineCommand({
  name: 'add-device',
  summary: 'Adds devices to an account',
  does: ['create devices without a login'],
  doesNot: ['log anybody in, or create a token (see !login-as)'],
  args: {
    account: userArgument,
    devices: positional('text', 'The IDs of the new devices', {
      many: true,
      placeholder: 'DEVICE',
    }),
    name: flag('text', 'The name of the devices', { placeholder: 'NAME' }),
  },
  danger: 'change',
  protects: true,
  example: 'add-device @mallory:example.com BRIDGE1 --name "Bridge"',
  endpoints: [
    'POST /_synapse/admin/v2/users/{user_id}/devices',
    'PUT /_synapse/admin/v2/users/{user_id}/devices/{device_id}',
  ],

  impossible: ({ canAddDevices }) =>
    canAddDevices
      ? undefined
      : {
          why: 'the Matrix Authentication Service removes devices that don’t belong to a session',
          advice: 'Nothing was changed. A device is added when somebody logs in.',
        },

  check({ devices, name }) {
    devices.forEach(checkDeviceId);
    checkDeviceName(name);
  },

  async run({ args, services }) {
    const { account, devices: ids, name } = args;
    const { devices } = await services.devices.findAll(account.name, ids);
    if (devices.length > 0) {
      throw new TargetError(
        'state',
        `${account.name} already has ${devices.map(({ deviceId }) => `\`${deviceId}\``).join(', ')}`,
        'Nothing was changed.',
      );
    }
    return services.devices.add(account.name, ids, name);
  },

  answer: ({ args: { account, name } }, { added, error }) => ({
    mark: error === undefined ? '✅' : '⚠️',
    title: didTo(added.length === 1 ? 'Device added to' : 'Devices added to', account),
    body: [
      line(
        ...added.flatMap((id, at) => [...(at === 0 ? [] : [', ']), code(id)]),
        name === undefined || error !== undefined ? '' : `, called ${name}`,
      ),
      ...(error === undefined ? [] : [line(`The rest failed: ${error.message}.`)]),
    ],
    ...(error === undefined ? {} : { status: 'partial' as const }),
    next: [`devices ${idWord(account.name)}`],
    data: { userId: account.name, devices: added },
  }),

  undo: ({ args: { account } }, { added }) =>
    `delete-device ${idWord(account.name)} ${added.map(quote).join(' ')}`,

  reconcile: async ({ args, services }) =>
    services.devices.reconcileAdding(args.account.name, args.devices, args.name),
});
