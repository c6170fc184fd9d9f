import type { Command } from '../../chat/command/declaration.ts';
import type { Account } from '../../services/services.ts';

/**
 * Why there is nothing to do about an account. The list of all accounts does not say who is suspended: an
 * account from it needs nothing done only if that makes no difference.
 */
export function nothingToDo(
  command: Pick<Command, 'nothingToDo'>,
  account: Account,
  args: Readonly<Record<string, unknown>>,
): string | undefined {
  const why = command.nothingToDo?.(account, args);
  return why === undefined || account.listed === undefined
    ? why
    : command.nothingToDo?.({ ...account, suspended: !account.suspended }, args);
}
