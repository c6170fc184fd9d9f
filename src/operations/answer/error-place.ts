import type { Command, Registry } from '../../chat/command/declaration.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import { lineOn, saysWhere } from '../../chat/command/on-homeserver.ts';
import type { HomeserverName } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { RoomId } from '../../core/ids.ts';
import { roomsNamed } from '../at-homeserver.ts';

interface PlaceContext {
  readonly registry: Pick<Registry, 'find'>;
  readonly prefix: string;
  readonly homeservers: readonly HomeserverName[];
  /** Where the command failed. */
  readonly serverName: string;
}

/**
 * The error of a command on one of several homeservers: the commands of its advice are about the same one, and it says
 * that a room may be on another one if its ID does not say where it is.
 *
 * @param about.says whether to say where it failed if nothing else does
 */
export function errorWithPlace(
  context: PlaceContext,
  error: unknown,
  about: {
    readonly command: Command;
    readonly invocation: Pick<Invocation, 'arguments' | 'on'>;
    readonly says: boolean;
  },
): unknown {
  const { homeservers, serverName } = context;
  const { command, invocation } = about;
  if (!(error instanceof TargetError) || homeservers.length < 2) {
    return error;
  }
  const others = homeservers.filter((one) => one.serverName !== serverName);
  const isElsewhere =
    error.code.startsWith('unknown') &&
    invocation.on === undefined &&
    // The IDs of new rooms don't say where they are.
    roomsNamed(command, invocation.arguments).some(
      (room) => serverNameOf(room as RoomId) === undefined,
    );
  const advice = [
    isElsewhere &&
      `If it is on another homeserver, add \`--on ${others.length === 1 ? (others[0]?.name ?? 'NAME') : 'NAME'}\`.`,
    error.advice !== undefined && withLinesOn(context, error.advice),
    about.says && !saysWhere(command, invocation.arguments) && `Homeserver: ${serverName}`,
  ].filter((part) => part !== false);
  return advice.length === 0
    ? error
    : new TargetError(error.code, error.message, advice.join('\n'));
}

/** The advice, whose commands are about the same homeserver. */
function withLinesOn(context: PlaceContext, advice: string): string {
  return advice.replaceAll(/`([^`]+)`/gu, (whole, text: string) =>
    text.startsWith(context.prefix)
      ? `\`${context.prefix}${lineOn(text.slice(context.prefix.length), context)}\``
      : whole,
  );
}
