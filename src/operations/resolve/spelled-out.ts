import type { Invocation, LeftOut } from '../../chat/command/invocation.ts';
import { TargetError } from '../../core/errors.ts';
import { present } from '../../core/present.ts';
import type { Services } from '../../services/services.ts';
import { at, namesRoom } from '../at-homeserver.ts';
import type { HomeserversContext } from '../at-homeserver.ts';
import { passed } from '../stages.ts';
import type { Authorized } from '../stages.ts';
import { serversOf } from './find-accounts.ts';

/** What finding what arguments stand for needs. */
export type SpellOutContext = HomeserversContext & {
  readonly services: Pick<Services, 'directRooms' | 'rooms' | 'sanctions'>;
};

/**
 * The same command, with what its arguments stand for now, and what of that is left out.
 *
 * @throws TargetError they stand for nothing, or for something else on each of several homeservers
 */
export async function spelledOut(
  context: SpellOutContext,
  asked: Authorized,
): Promise<{ readonly authorized: Authorized; readonly leftOut: readonly LeftOut[] }> {
  const { command, invocation } = asked;
  if (command.spellOut === undefined) {
    return { authorized: asked, leftOut: [] };
  }
  const [server, another] = serversOf(context, asked);
  if (another !== undefined && !namesRoom(command, invocation.arguments)) {
    throw new TargetError(
      'state',
      'these users are on several homeservers, and each knows other rooms',
      'Send one command for each homeserver, or name the rooms. Nothing was changed.',
    );
  }
  const found = await command.spellOut({
    args: invocation.arguments,
    services: at(context, server).services,
  });
  if (found === undefined) {
    return { authorized: asked, leftOut: [] };
  }
  const authorized = passed<Authorized>({
    ...asked,
    typed: invocation.arguments,
    invocation: {
      ...invocation,
      // The rooms that were found may have the names of other homeservers.
      ...present({ on: invocation.on ?? server }),
      arguments: { ...invocation.arguments, ...(found.args as Invocation['arguments']) },
    },
  });
  return { authorized, leftOut: found.leftOut ?? [] };
}
