import { didTo } from '../../chat/answers/account.ts';
import { code, line } from '../../chat/answers/answer.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag, positional, userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import { checkDeviceName, unknownDevice } from './parts/device-text.ts';

export default defineCommand({
  name: 'rename-device',
  synonyms: ['name-device'],
  summary: 'Renames a device',
  doesNot: ['keep the owner from renaming it again'],
  args: {
    account: userArgument,
    device: positional('text', 'The device ID (case-sensitive)'),
    name: flag('text', 'The new name', { required: true, placeholder: 'NAME' }),
  },
  danger: 'change',
  protects: true,
  example: 'rename-device @mallory:example.com QBUAZIFURK --name "Lost phone"',
  endpoints: ['PUT /_synapse/admin/v2/users/{user_id}/devices/{device_id}'],

  check: ({ name }) => checkDeviceName(name),

  async run({ args, services, prefix }) {
    const { account, device: id, name } = args;
    const [device] = (await services.devices.findAll(account.name, [id])).devices;
    if (device === undefined) {
      throw unknownDevice(account, [id], prefix);
    }
    if (device.displayName === name) {
      throw new TargetError('state', `\`${id}\` already has that name`, 'Nothing was changed.');
    }
    await services.devices.rename(account.name, id, name);
    return { before: device.displayName, name };
  },

  answer: ({ args: { account, device } }, { before, name }) => ({
    mark: '✅',
    title: didTo('Renamed a device of', account),
    body: [line(code(device), ` was ${quoted(before)}, now ${quoted(name)}`)],
    next: [`device ${idWord(account.name)} ${quote(device)}`],
    data: { userId: account.name, deviceId: device, displayName: name },
  }),

  undo: ({ args: { account, device } }, { before }) =>
    `rename-device ${idWord(account.name)} ${quote(device)} --name=${quote(before ?? '')}`,

  reconcile: async ({ args: { account, device, name }, services }) =>
    services.devices.reconcileRenaming(account.name, device, name),
});

function quoted(name: string | null): string {
  return name === null || name === '' ? 'without a name' : `called “${inert(name)}”`;
}
