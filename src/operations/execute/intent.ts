import { subjectOf } from '../../chat/command/declaration.ts';
import { actorName } from '../../chat/command/invocation.ts';
import type { Json } from '../../chat/command/invocation.ts';
import { writeValue } from '../../chat/command/write-invocation.ts';
import type { Account } from '../../services/services.ts';
import type { Intent } from '../../store/tables/audit-log.ts';
import type { Parsed } from '../stages.ts';

/** The audit entry of a command, for one of its targets. */
export function intentFor(
  { command, invocation }: Pick<Parsed, 'command' | 'invocation'>,
  account: Pick<Account, 'name'> | undefined,
  confirmer?: string,
): Intent {
  const redacted = new Set(command.audit?.redact ?? []);
  const subject = subjectOf(command);
  const keep = (name: string, value: Json) => {
    if (redacted.has(name)) {
      return '(not kept)';
    }
    // Each account has an entry of its own: the whole list in each would grow quadratically.
    return name === subject && account !== undefined && Array.isArray(value)
      ? [account.name]
      : value;
  };
  return {
    actor: actorName(invocation.actor),
    confirmer,
    command: invocation.command,
    arguments: Object.fromEntries(
      Object.entries(invocation.arguments).map(([name, value]) => [name, keep(name, value)]),
    ),
    target: account?.name ?? otherTarget(command, invocation),
    reason: invocation.reason,
    eventId: invocation.origin.event,
    roomId: invocation.origin.room,
    itemId: invocation.item,
  };
}

/** The target of a command without accounts: its first positional argument, or the flag that replaces it. */
function otherTarget(
  command: Parsed['command'],
  invocation: Parsed['invocation'],
): string | undefined {
  const [key, first] =
    Object.entries(command.args).find(([, { place }]) => place === 'positional') ?? [];
  const { unless = key } = first?.options ?? {};
  const name = invocation.arguments[unless ?? ''] === undefined ? key : unless;
  const given = invocation.arguments[name ?? ''];
  if (name === undefined || given === undefined || command.audit?.redact.includes(name) === true) {
    return undefined;
  }
  const { kind } = command.args[name] ?? {};
  return [given]
    .flat()
    .map((value) => writeValue(kind, value))
    .join(' ');
}
