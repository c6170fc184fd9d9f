import { commandContextsFor } from '../stages.ts';
import type { CommandContextParts, Resolved } from '../stages.ts';

/**
 * Makes sure that a command of a person has something to change, if it can tell before it is recorded. What is scheduled
 * for later may find something by then.
 *
 * @throws TargetError it has not
 */
export async function assertReady(context: CommandContextParts, resolved: Resolved): Promise<void> {
  const { command, invocation } = resolved;
  if (command.assertReady === undefined || (invocation.notBefore ?? 0) > context.now()) {
    return;
  }
  for (const one of commandContextsFor(context, resolved)) {
    await command.assertReady(one);
  }
}
