import { nameAndId } from '../../chat/answers/account.ts';
import { code } from '../../chat/answers/answer.ts';
import type { Content, Inline } from '../../chat/answers/answer.ts';
import { ago } from '../../chat/answers/phrases.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import type { ListColumn } from '../../chat/command/list.ts';
import { idWord } from '../../chat/reading/values.ts';
import { cut } from '../../core/text.ts';
import type { AccountSession } from '../../services/services.ts';
import { lastSeen } from './parts/device-text.ts';

export default defineCommand({
  name: 'sessions',
  synonyms: ['active-sessions', 'logged-in'],
  summary: 'Lists where an account is logged in',
  does: [
    'with the Matrix Authentication Service: list sessions of browsers, OAuth 2.0 clients and older clients, and personal access tokens',
    'without it: list devices, as Synapse knows no other sessions',
  ],
  doesNot: ['show activity of the last few minutes'],
  args: { account: userArgument, ...listFlags },
  danger: 'read',
  role: 'moderator',
  example: 'sessions @mallory:example.com',
  endpoints: ['GET /_synapse/admin/v2/users/{user_id}/devices'],
  check: checkOffset,
  run: async ({ args, services }) =>
    pageOf(await services.devices.sessions(args.account.name), args),
  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'session',
      of: [' of ', ...nameAndId(context.args.account)],
      nothing: [...nameAndId(context.args.account), ' is not logged in'],
      ...(listing.rows.length === 0
        ? {}
        : { next: [`end-sessions ${idWord(context.args.account.name)}`] }),
      columns: sessionColumns(context.now),
    }),
});

const kinds: Readonly<Record<AccountSession['kind'], string>> = {
  browser: 'browser',
  oauth: 'OAuth 2.0 client',
  compat: 'older client',
  personal: 'personal access token',
  device: 'device',
};

function sessionColumns(now: number): ListColumn<AccountSession>[] {
  return [
    { title: 'Kind', name: 'kind', show: ({ kind }) => [kinds[kind]], value: ({ kind }) => kind },
    {
      title: 'Session',
      name: 'device_id',
      show: nameAndDevice,
      value: ({ deviceId }) => deviceId,
    },
    { name: 'name', value: ({ name }) => name },
    { name: 'session_id', value: ({ sessionId }) => sessionId },
    {
      title: 'Last seen',
      name: 'last_seen_ts',
      show: (session) => whenUsed(session, now),
      value: ({ lastSeenTs }) => lastSeenTs,
    },
    { name: 'last_seen_ip', value: ({ lastSeenIp }) => lastSeenIp },
    { name: 'created_ts', value: ({ createdTs }) => createdTs },
    { name: 'expires_ts', value: ({ expiresTs }) => expiresTs },
    { name: 'scope', value: ({ scope }) => scope?.join(' ') ?? null },
  ];
}

function nameAndDevice({ name, deviceId }: AccountSession): Content {
  const parts: Inline[] = [
    ...(name === null || name.trim() === '' ? [] : [inert(name, 40)]),
    ...(deviceId === null ? [] : [code(cut(deviceId))]),
  ];
  return parts.length === 0
    ? ['no name']
    : parts.flatMap((part, at) => (at === 0 ? [part] : [' ', part]));
}

function whenUsed(session: AccountSession, now: number): Content {
  const { createdTs, expiresTs } = session;
  return [
    ...lastSeen(session, now),
    ...(createdTs === null ? [] : [`, began ${ago(createdTs, now)}`]),
    ...(expiresTs === null ? [] : [`, expires ${ago(expiresTs, now)}`]),
  ];
}
