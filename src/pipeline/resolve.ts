import { dangerOf, subjectOf } from '../command/declaration.ts';
import type { Command } from '../command/declaration.ts';
import { ProtectedError, TargetError } from '../errors.ts';
import { serverNameOf } from '../ids.ts';
import type { UserId } from '../ids.ts';
import type { Account } from '../services/services.ts';
import type { House } from './house.ts';
import { passed } from './stages.ts';
import type { Authorized, Resolved } from './stages.ts';

/** Whether a command must keep off protected accounts. */
export function protectsAccounts(
  command: Command,
  args: Readonly<Record<string, unknown>>,
): boolean {
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
 * @throws ProtectedError an account must not be touched
 */
export async function resolve(house: House, authorized: Authorized): Promise<Resolved> {
  const { command, invocation } = authorized;
  const subject = subjectOf(command);
  const given = subject === undefined ? undefined : invocation.arguments[subject];
  const users = (given === undefined ? [] : [given].flat()) as UserId[];
  const accounts: Account[] = [];
  for (const user of users) {
    accounts.push(await resolveAccount(house, user));
  }
  if (protectsAccounts(command, invocation.arguments)) {
    for (const account of accounts) {
      const protection = house.roles.protection(account);
      if (protection !== undefined) {
        throw new ProtectedError(`${account.name} ${protection}`);
      }
    }
  }
  return passed<Resolved>({ ...authorized, accounts });
}

async function resolveAccount(house: House, user: UserId): Promise<Account> {
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
    throw new TargetError(
      'unknown_user',
      `there is no account ${user}`,
      `Search for it: ${house.settings.prefix}users --name ${user.slice(1, user.indexOf(':'))}`,
    );
  }
  return account;
}
