import { count } from '../../../chat/answers/phrases.ts';
import type { Context } from '../../../chat/command/declaration.ts';
import { TargetError } from '../../../core/errors.ts';
import type { Account } from '../../../services/services.ts';

/** What a server admin's power means, for whoever is about to give it. */
export const adminWarning =
  'A server admin can read, change and delete everything on this server, including this bot.';

/**
 * How many server admins are left without this one.
 *
 * @param others accounts that lose the rights together with it
 * @throws TargetError nobody would be left
 */
export async function adminsWithout(
  { services }: Pick<Context, 'services'>,
  account: Account,
  others: readonly string[] = [],
): Promise<number> {
  const admins = await services.accounts.otherServerAdmins(account.name);
  const left = admins.filter((name) => !others.includes(name)).length;
  if (left === 0) {
    throw new TargetError(
      'state',
      `${account.name} is the last server admin`,
      'Nothing was changed. Make somebody else a server admin first.',
    );
  }
  return left;
}

/** `3 server admins are left`; the bot is always one of them. */
export function adminsLeft(left: number): string {
  return left === 1
    ? 'This bot will be the only server admin left.'
    : `${count(left, 'server admin')} will be left, including this bot.`;
}
