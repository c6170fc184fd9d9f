import { nameAndId } from '../command/account.ts';
import { code, facts, line, person } from '../command/answer.ts';
import { positional } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { unknownDevice } from '../command/device.ts';
import { idWord } from '../command/references.ts';
import { quote } from '../command/tokenize.ts';
import { inert } from '../command/untrusted-text.ts';
import { when } from '../command/wording.ts';

export default defineCommand({
  name: 'device',
  group: 'devices',
  summary: 'Shows one device',
  args: {
    account: positional('account', 'Whose device', { placeholder: 'USER' }),
    device: positional('text', 'Its ID; capitals count'),
  },
  danger: 'read',
  role: 'moderator',
  example: 'device @mallory:example.com QBUAZIFURK',
  endpoints: ['GET /_synapse/admin/v2/users/{user_id}/devices/{device_id}'],

  async run({ args, services, prefix }) {
    const device = await services.api.devices.find(args.account.name, args.device);
    if (device === undefined) {
      throw unknownDevice(args.account, [args.device], prefix);
    }
    return device;
  },

  answer: ({ args: { account }, now, role }, device) => ({
    mark: 'ℹ️',
    title: [
      ...person({ name: device.deviceId, displayname: device.displayName }),
      ' of ',
      ...nameAndId(account),
    ],
    body: [
      facts(
        device.lastSeenTs === null
          ? 'Last seen unknown'
          : `Last seen ${when(device.lastSeenTs, now)}`,
        device.lastSeenIp !== null && ['from ', code(device.lastSeenIp)],
      ),
      ...(device.lastSeenUserAgent === null ? [] : [line(inert(device.lastSeenUserAgent, 200))]),
    ],
    next: [
      `devices ${idWord(account.name)}`,
      ...(role === 'viewer'
        ? []
        : [`delete-device ${idWord(account.name)} ${quote(device.deviceId)}`]),
    ],
    data: { userId: account.name, ...device },
  }),
});
