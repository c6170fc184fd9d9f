import { dangerOf, subjectOf } from '../command/declaration.ts';
import type { Command, Protects } from '../command/declaration.ts';
import { ProtectedError, TargetError } from '../errors.ts';
import { serverNameOf } from '../ids.ts';
import type { UserId } from '../ids.ts';
import type { Account } from '../services/services.ts';
import type { House } from './house.ts';
import { assertMediaMayBeTouched } from './media-owner.ts';
import { assertRoomsInReach } from './reserved-rooms.ts';
import { passed } from './stages.ts';
import type { Authorized, Resolved } from './stages.ts';

/** Which protected accounts a command must keep off. */
export function protectsAccounts(
  command: Command,
  args: Readonly<Record<string, unknown>>,
): Protects {
  if (typeof command.protects === 'function') {
    return command.protects(args);
  }
  const danger = dangerOf(command, args);
  return command.protects ?? (danger === 'destructive' || danger === 'critical');
}

/**
 * Looks up the accounts that a command acts on, all of them before anything is done to one.
 *
 * @throws TargetError an account is unknown or of another server
 * @throws ProtectedError an account must not be touched, or a room is out of reach
 */
export async function resolve(house: House, authorized: Authorized): Promise<Resolved> {
  const { command, invocation } = authorized;
  await assertRoomsInReach(house, authorized);
  const subject = subjectOf(command);
  const given = subject === undefined ? undefined : invocation.arguments[subject];
  const users = (given === undefined ? [] : [given].flat()) as UserId[];
  const accounts: Account[] = [];
  for (const user of users) {
    accounts.push(
      await resolveAccount(house, user, {
        mayBeProse: users.length > 1 && authorized.plainWords?.has(user) === true,
      }),
    );
  }
  const protects = protectsAccounts(command, invocation.arguments);
  if (protects !== false) {
    for (const account of accounts) {
      const protection = house.roles.protection(
        protects === 'all_but_admins' ? { ...account, admin: false } : account,
      );
      const isItself = account.name === house.settings.botUser;
      if (protection !== undefined && (isItself || invocation.overrideProtection !== true)) {
        throw new ProtectedError(
          `${account.name} ${protection}`,
          isItself
            ? 'Nothing was changed.'
            : 'Nothing was changed. An admin of this room can insist with `--override-protection`.',
        );
      }
    }
  }
  await assertMediaMayBeTouched(house, authorized, protects);
  return passed<Resolved>({ ...authorized, accounts });
}

async function resolveAccount(
  house: House,
  user: UserId,
  { mayBeProse }: { readonly mayBeProse: boolean },
): Promise<Account> {
  const { serverName } = house.settings;
  if (serverNameOf(user) !== serverName) {
    throw new TargetError(
      'remote_user',
      `${user} is an account of another server`,
      `This works on accounts of ${serverName} alone.`,
    );
  }
  const account = await house.findAccount(user);
  if (account === undefined) {
    const similar = await house.findSimilar(user);
    const guess =
      similar.length === 0
        ? []
        : [`Did you mean ${similar.map((other) => `\`${other}\``).join(' or ')}?`];
    const advice = mayBeProse
      ? [
          ...guess,
          'Every word there is a target: put the reason behind `--reason`. Nothing was changed.',
        ]
      : guess.length > 0
        ? [...guess, 'Nothing was changed.']
        : [`Nothing was changed. Search with \`${house.settings.prefix}users --name …\`.`];
    throw new TargetError('unknown_user', `there is no account ${user}`, advice.join(' '));
  }
  return account;
}
