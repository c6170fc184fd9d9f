import { nameSome, whole } from '../../../chat/answers/phrases.ts';
import type { Context } from '../../../chat/command/declaration.ts';
import type { Invocation } from '../../../chat/command/invocation.ts';
import {
  shortLine,
  withoutPersonal,
  writeInvocation,
} from '../../../chat/command/write-invocation.ts';
import type { OpenOperation } from '../../../services/services.ts';

/** The command line of an operation, without what the reader may not see: whole, and short for people. */
export function linesOf(
  { registry, role }: Pick<Context, 'registry' | 'role'>,
  { operation: { command: name, invocation, line: ofTimer } }: OpenOperation,
): { readonly line: string; readonly shortLine: string } {
  const command = registry.find(name);
  const stored = invocation === '' ? undefined : (JSON.parse(invocation) as Invocation);
  const seen = stored && (role === 'viewer' ? withoutPersonal(command, stored) : stored);
  return seen === undefined || command === undefined
    ? { line: ofTimer ?? name, shortLine: ofTimer ?? name }
    : { line: writeInvocation(command, seen), shortLine: shortLine(command, seen) };
}

/** `830 of 1,204 finished, 2 failed`; undefined before the operation starts. */
export function progressText({
  counts: { failed = 0 },
  operation: { stopRequestedBy },
  progress,
  waitsFor,
}: OpenOperation): string | undefined {
  return (
    progress &&
    [
      `${whole(progress.finished)} of ${whole(progress.targets)} finished`,
      ...(failed === 0 ? [] : [`${whole(failed)} failed`]),
      ...(stopRequestedBy === null ? [] : ['stopping']),
      ...(waitsFor.length === 0 ? [] : [`waiting for ${nameSome(waitsFor)}`]),
    ].join(', ')
  );
}
