import { subjectOf } from '../../chat/command/declaration.ts';
import { stepsOf } from '../execute/operation.ts';
import { resolve } from '../resolve/resolve.ts';
import type { ResolveContext } from '../resolve/resolve.ts';
import { passed, targetsOf } from '../stages.ts';
import type { Authorized, Resolved } from '../stages.ts';
import { maxShown } from './left-out.ts';
import { makePreview } from './preview.ts';
import type { PreviewContext } from './preview.ts';

/** What looking targets up again needs. */
export type ResolveAgainContext = ResolveContext & PreviewContext;

/**
 * Looks up the targets of an operation that was shown before. They may have changed since: those that need
 * nothing done any more are left out. Of many, each is looked up just before something is done to it.
 *
 * @param max more targets than this are many
 * @throws the errors of `resolve` and `makePreview`
 */
export async function resolveAgain(
  context: ResolveAgainContext,
  authorized: Authorized,
  max = maxShown,
): Promise<Resolved> {
  if ((authorized.parts ?? targetsOf(authorized)).length > max) {
    return passed<Resolved>({ ...authorized, accounts: [], leftOut: [], absent: [] });
  }
  const found = await resolve(context, authorized);
  const { command, invocation } = found;
  const isOfRooms = command.stepsAreRooms === true && subjectOf(command) === undefined;
  if (isOfRooms && stepsOf(command, invocation.arguments).length > max) {
    return found;
  }
  const { resolved } = await makePreview(context, found);
  return resolved;
}
