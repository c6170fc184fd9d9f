import { nameAndId, person } from '../../chat/answers/account.ts';
import { code, facts, line } from '../../chat/answers/answer.ts';
import { when } from '../../chat/answers/phrases.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { positional, userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { idWord } from '../../chat/reading/values.ts';
import { unknownDevice } from './parts/device-text.ts';

export default defineCommand({
  name: 'device',
  summary: 'Shows one device',
  args: {
    account: userArgument,
    device: positional('text', 'The device ID (case-sensitive)'),
  },
  danger: 'read',
  role: 'moderator',
  example: 'device @mallory:example.com QBUAZIFURK',
  endpoints: ['GET /_synapse/admin/v2/users/{user_id}/devices/{device_id}'],

  async run({ args, services, prefix }) {
    const device = await services.devices.find(args.account.name, args.device);
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
