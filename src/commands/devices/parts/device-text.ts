import { code } from '../../../chat/answers/answer.ts';
import type { Block, Content, Inline } from '../../../chat/answers/answer.ts';
import { ago } from '../../../chat/answers/phrases.ts';
import { inert } from '../../../chat/answers/untrusted-text.ts';
import { shownColumns } from '../../../chat/command/list.ts';
import type { ListColumn } from '../../../chat/command/list.ts';
import { idWord } from '../../../chat/reading/values.ts';
import { TargetError, UsageError } from '../../../core/errors.ts';
import { cut } from '../../../core/text.ts';
import type { Account, Device } from '../../../services/services.ts';

/** A device by name and ID: `Phone ABCDEFGH`. */
export function deviceName({ deviceId, displayName }: Device): Inline[] {
  return displayName === null || displayName.trim() === ''
    ? [code(cut(deviceId))]
    : [inert(displayName, 40), ' ', code(cut(deviceId))];
}

/** How devices are listed. */
export function deviceColumns(now: number): ListColumn<Device>[] {
  return [
    {
      title: 'Device',
      name: 'device_id',
      show: deviceName,
      value: ({ deviceId }) => deviceId,
    },
    {
      name: 'display_name',
      value: ({ displayName }) => displayName,
    },
    {
      title: 'Last seen',
      name: 'last_seen_ts',
      show: (device) => lastSeen(device, now),
      value: ({ lastSeenTs }) => lastSeenTs,
    },
    {
      name: 'last_seen_ip',
      value: ({ lastSeenIp }) => lastSeenIp,
    },
    {
      name: 'last_seen_user_agent',
      value: ({ lastSeenUserAgent }) => lastSeenUserAgent,
    },
  ];
}

/** `seen 3 minutes ago from 192.0.2.1` */
export function lastSeen(
  { lastSeenTs, lastSeenIp }: Pick<Device, 'lastSeenTs' | 'lastSeenIp'>,
  now: number,
): Content {
  return [
    lastSeenTs === null ? 'never seen' : `seen ${ago(lastSeenTs, now)}`,
    ...(lastSeenIp === null ? [] : [' from ', code(lastSeenIp)]),
  ];
}

/** Devices as a table, for previews. */
export function deviceTable(devices: readonly Device[], now: number): Block {
  const columns = shownColumns(deviceColumns(now));
  return {
    kind: 'table',
    columns,
    rows: devices.map((device): Content[] => columns.map(({ show }) => show(device))),
  };
}

/** The error for an account that has no device with these IDs. */
export function unknownDevice(
  account: Pick<Account, 'name'>,
  ids: readonly string[],
  prefix: string,
): TargetError {
  return new TargetError(
    'unknown',
    `${account.name} has no device ${ids.map((id) => `\`${cut(id)}\``).join(', ')}`,
    `\`${prefix}devices ${idWord(account.name)}\` lists them. Device IDs are case-sensitive.`,
  );
}

/** @throws UsageError nobody could name the device again */
export function checkDeviceId(id: string): void {
  if (id.trim() === '') {
    throw new UsageError('A device ID can’t be blank.', { word: id });
  }
}

const maxDeviceNameLength = 100;

/** @throws UsageError Synapse would refuse the name */
export function checkDeviceName(name: string | undefined): void {
  if (name !== undefined && name.length > maxDeviceNameLength) {
    throw new UsageError(`\`--name\` has ${name.length} characters.`, {
      word: name.slice(0, 40),
      advice: `The limit for device names is ${maxDeviceNameLength}.`,
    });
  }
}
