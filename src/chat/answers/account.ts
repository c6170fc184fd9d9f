import { cut } from '../../core/text.ts';
import type { Account, Footprint, UserSummary } from '../../services/services.ts';
import { bold, code, facts, line } from './answer.ts';
import type { Block, Content, Inline } from './answer.ts';
import { ago, amount, count, size, when } from './phrases.ts';
import { inert } from './untrusted-text.ts';

/** `active, not a server admin`, `shadow-banned, server admin`; restrictions come first. */
export function accountState(account: Account | UserSummary): string {
  const states = [
    account.deactivated ? (account.erased ? 'deactivated and erased' : 'deactivated') : undefined,
    account.locked ? 'locked' : undefined,
    showsSuspension(account) && account.suspended ? 'suspended' : undefined,
    account.shadowBanned ? 'shadow-banned' : undefined,
  ].filter((state) => state !== undefined);
  return [
    states.length > 0
      ? states.join(', ')
      : showsSuspension(account)
        ? 'active'
        : // The list of all accounts does not say.
          'active or suspended',
    account.isGuest ? 'guest' : undefined,
    account.admin ? 'server admin' : states.length === 0 ? 'not a server admin' : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(', ');
}

function showsSuspension(account: Account | UserSummary): account is Account {
  return 'suspended' in account && account.listed === undefined;
}

/** Like `accountState`, for tables: without saying that somebody is not an admin. */
export function accountStateShort(account: Account | UserSummary): string {
  return accountState(account).replace(/, not a server admin$/u, '');
}

/** `They are shadow-banned.`; empty for an ordinary account. */
export function standing(account: Account): Block[] {
  const state = accountStateShort(account);
  return state === 'active'
    ? []
    : [
        line(
          `They are ${state.replace(/^active, /u, '').replace(/\b(?=server admin|guest)/gu, 'a ')}.`,
        ),
      ];
}

/** `Registered 2 hours ago (…) · last seen 4 minutes ago · 14 rooms · 3 devices · 37 files, 112 MB` */
export function accountFacts(account: Account, footprint: Footprint, now: number): Block {
  return facts(
    ...registeredAndSeen(account, now),
    amount(footprint.rooms, 'room'),
    amount(footprint.devices, 'device'),
    footprint.files === 0
      ? 'no files'
      : `${count(footprint.files, 'file')}, ${footprint.bytesAreAll ? '' : 'more than '}${size(footprint.bytes)}`,
  );
}

/** `Registered 2 hours ago (…)` and `last seen 4 minutes ago`. */
export function registeredAndSeen(
  { creationTs, lastSeenTs }: Pick<Account, 'creationTs' | 'lastSeenTs'>,
  now: number,
): string[] {
  return [
    `Registered ${when(creationTs, now)}`,
    lastSeenTs === null ? 'last seen unknown' : `last seen ${ago(lastSeenTs, now)}`,
  ];
}

/** `**Deactivated** Mallory `@mallory:example.com`` */
export function didTo(what: string, account: Pick<Account, 'name' | 'displayname'>): Content {
  return [bold(what), ' ', ...nameAndId(account)];
}

/** A user as people read it: name and ID. */
export function person(user: { name: string; displayname: string | null }): Inline[] {
  return user.displayname === null || user.displayname.trim() === ''
    ? [code(user.name)]
    : [bold(inert(user.displayname)), ' ', code(user.name)];
}

/** `@mallory` for a user of this server, so that a list entry fits on one line; any other ID in full. */
export function shortId(id: string, serverName: string): Inline {
  const [, localpart, server] = /^(@[a-z0-9._=/+-]+):(.+)$/u.exec(id) ?? [];
  return localpart !== undefined && server === serverName ? localpart : code(cut(id, 255));
}

/** Name and ID, the name without emphasis. */
export function nameAndId(account: Pick<Account, 'name' | 'displayname'>): Inline[] {
  return person(account).flatMap((part) =>
    typeof part !== 'string' && part.kind === 'bold' ? part.children : [part],
  );
}

/** Name and ID for a table, whose cells are narrow. */
export function nameAndIdCell(account: Pick<Account, 'displayname'> & { name: string }): Inline[] {
  const { name, displayname } = account;
  return displayname === null || displayname.trim() === ''
    ? [code(name)]
    : [inert(displayname, 30), ' ', code(name)];
}
