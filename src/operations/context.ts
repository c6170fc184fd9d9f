import { subjectOf } from '../chat/command/declaration.ts';
import type { Context } from '../chat/command/declaration.ts';
import type { Account } from '../services/services.ts';
import type { House } from './house.ts';
import type { Resolved } from './stages.ts';

/** What a command gets to work with, for one of its accounts. */
export function contextFor(
  house: House,
  resolved: Pick<Resolved, 'command' | 'invocation' | 'role'> & Partial<Pick<Resolved, 'absent'>>,
  account: Account | undefined,
): Context {
  const { command, invocation } = resolved;
  const subject = subjectOf(command);
  return {
    args: {
      ...Object.fromEntries(
        Object.entries(command.args).map(([key, { options }]) => [
          key,
          options.many === true ? [] : undefined,
        ]),
      ),
      ...invocation.arguments,
      ...(subject === undefined ? {} : { [subject]: account }),
    },
    reason: invocation.reason,
    actor: invocation.actor,
    origin: invocation.origin,
    invocation,
    services: house.services,
    absent: resolved.absent ?? [],
    registry: house.registry,
    role: resolved.role,
    prefix: house.settings.prefix,
    botUser: house.settings.botUser,
    serverName: house.settings.serverName,
    now: house.now(),
  };
}

/** One context for each account, or one where the command acts on none. */
export function contextsFor(
  house: House,
  resolved: Pick<Resolved, 'command' | 'invocation' | 'role' | 'accounts'> &
    Partial<Pick<Resolved, 'absent'>>,
): Context[] {
  const accounts = resolved.accounts.length === 0 ? [undefined] : resolved.accounts;
  return accounts.map((account) => contextFor(house, resolved, account));
}
