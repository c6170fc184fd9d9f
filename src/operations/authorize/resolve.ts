import { dangerOf, identitiesOf, subjectOf } from '../../chat/command/declaration.ts';
import type { Command, Protects } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { ProtectedError, TargetError } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { Account } from '../../services/services.ts';
import { narrow } from '../confirm/preview.ts';
import type { House } from '../house.ts';
import { passed } from '../stages.ts';
import type { Authorized, LeftOut, Resolved } from '../stages.ts';
import { absentIn, accountsMeant } from './absent.ts';
import { assertMediaMayBeTouched } from './media-owner.ts';
import { assertRoomsInReach } from './reserved-rooms.ts';

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
 * Looks up the accounts that a command acts on, all of them before anything is done to one, and keeps it
 * off protected users in every argument: those it acts on, makes, or speaks for.
 *
 * Of several accounts those that are protected are left out.
 *
 * @throws TargetError an account is unknown or of another server
 * @throws ProtectedError an account must not be touched, nor any other that was named, or a room is out of reach
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
  const leftOut: LeftOut[] = [];
  for (const account of accounts) {
    if (protects !== false && !(protects === 'others' && isOwn(house, authorized, account))) {
      try {
        assertUnprotected(
          house,
          authorized,
          protects === 'all_but_admins' ? { ...account, admin: false } : account,
        );
      } catch (error) {
        // The others are asked about, where there are any.
        if (!(error instanceof ProtectedError) || leftOut.length + 1 === accounts.length) {
          throw error;
        }
        leftOut.push({ user: account.name, why: error.message.replace(`${account.name} `, '') });
      }
    }
  }
  for (const key of identitiesOf(command)) {
    const named = invocation.arguments[key];
    for (const user of (named === undefined ? [] : [named].flat()) as UserId[]) {
      const isLocal = serverNameOf(user) === house.settings.serverName;
      const account = isLocal ? await house.findAccount(user) : undefined;
      assertUnprotected(house, authorized, { name: user, admin: account?.admin ?? false });
    }
  }
  await assertMediaMayBeTouched(house, authorized, protects);
  const resolved = passed<Resolved>({
    ...authorized,
    accounts,
    leftOut,
    absent: await absentIn(house, authorized),
  });
  const left = new Set(leftOut.map(({ user }) => user));
  return left.size === 0
    ? resolved
    : narrow(
        resolved,
        accounts.filter(({ name }) => !left.has(name)),
        leftOut,
      );
}

/** Whether this is the account of who asks, or the bot's. */
function isOwn(house: House, { invocation: { actor } }: Authorized, { name }: Account): boolean {
  return name === house.settings.botUser || (actor.kind === 'person' && name === actor.user);
}

/** @throws ProtectedError nothing may be done to or as this user, or not without an override */
function assertUnprotected(
  house: House,
  { invocation }: Authorized,
  account: Pick<Account, 'name' | 'admin'>,
): void {
  const protection = house.roles.protection(account);
  const isItself = account.name === house.settings.botUser;
  // A timer takes back what was allowed when it was set.
  const isAllowed = invocation.overrideProtection === true || invocation.actor.kind === 'timer';
  if (protection !== undefined && (isItself || !isAllowed)) {
    throw new ProtectedError(
      `${account.name} ${protection}`,
      isItself
        ? 'Nothing was changed.'
        : 'Nothing was changed. An admin of this room can insist with `--override-protection`.',
    );
  }
}

async function resolveAccount(
  house: House,
  user: UserId,
  { mayBeProse }: { readonly mayBeProse: boolean },
): Promise<Account> {
  const { serverName } = house.settings;
  if (serverNameOf(user) !== serverName) {
    const meant = await accountsMeant(house, user);
    throw new TargetError(
      'remote_user',
      `${user} is an account of another server`,
      meant.length === 0
        ? `This works on accounts of ${serverName} alone.`
        : `Did you mean ${meant.map((other) => `\`${idWord(other)}\``).join(' or ')}? Nothing was changed.`,
    );
  }
  const account = await house.findAccount(user);
  if (account === undefined) {
    const similar = await accountsMeant(house, user);
    const guess =
      similar.length === 0
        ? []
        : [`Did you mean ${similar.map((other) => `\`${idWord(other)}\``).join(' or ')}?`];
    const advice = mayBeProse
      ? [
          ...guess,
          'Every word there is a target: put the reason after `--reason`. Nothing was changed.',
        ]
      : guess.length > 0
        ? [...guess, 'Nothing was changed.']
        : [`Nothing was changed. Search with \`${house.settings.prefix}users --name …\`.`];
    throw new TargetError('unknown_user', `there is no account ${user}`, advice.join(' '));
  }
  return account;
}
