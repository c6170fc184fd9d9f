import { createHash } from 'node:crypto';

import { subjectOf } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import type { Registry } from '../../chat/command/registry.ts';
import type { Account, Services } from '../../services/services.ts';
import type { Settings } from '../settings.ts';
import type { Resolved } from '../stages.ts';

/** What the context of a command is made from. */
export interface CommandContextParts {
  readonly services: Services;
  readonly registry: Registry;
  readonly settings: Pick<Settings, 'botUser' | 'prefix' | 'serverName'>;
  now(): number;
}

/** What a command receives to work with, for one of its accounts. */
export function commandContextFor(
  context: CommandContextParts,
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
    transactionId: transactionIdFor(invocation, account),
    services: context.services,
    absent: resolved.absent ?? [],
    registry: context.registry,
    role: resolved.role,
    prefix: context.settings.prefix,
    botUser: context.settings.botUser,
    serverName: context.settings.serverName,
    now: context.now(),
  };
}

/** The same each time, so that a request that is made again after a crash has no second effect. */
function transactionIdFor(
  { command, origin }: Resolved['invocation'],
  account: Account | undefined,
): string {
  return createHash('sha256')
    .update(JSON.stringify([origin.event, command, account?.name ?? null]))
    .digest('base64url');
}

/** One context for each account, or a single one if the command acts on no accounts. */
export function commandContextsFor(
  context: CommandContextParts,
  resolved: Pick<Resolved, 'command' | 'invocation' | 'role' | 'accounts'> &
    Partial<Pick<Resolved, 'absent'>>,
): Context[] {
  const accounts = resolved.accounts.length === 0 ? [undefined] : resolved.accounts;
  return accounts.map((account) => commandContextFor(context, resolved, account));
}
