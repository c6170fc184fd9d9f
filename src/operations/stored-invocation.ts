import { z } from 'zod';

import type { Invocation } from '../chat/command/invocation.ts';
import type { Registry } from '../chat/command/registry.ts';
import { TargetError } from '../core/errors.ts';
import { dangerOfInvocation } from './stages.ts';
import type { Parsed } from './stages.ts';

/** What every stored invocation contains, whatever its command. */
export const invocationForm = z.looseObject({
  command: z.string(),
  arguments: z.record(z.string(), z.unknown()),
  actor: z.looseObject({ kind: z.enum(['person', 'rule', 'timer']) }),
  origin: z.looseObject({ event: z.string(), room: z.string() }),
});

/** Reads a stored invocation; undefined if the row is damaged, so that it does no harm to other rows. */
export function readInvocation(text: string): Invocation | undefined {
  try {
    const read = invocationForm.safeParse(JSON.parse(text));
    return read.success ? (read.data as unknown as Invocation) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads the command that a stored confirmation or operation is about.
 *
 * @throws TargetError the command doesn't exist any more, or an older version stored it without a time
 */
export function parsedOf(
  { registry }: { readonly registry: Pick<Registry, 'find'> },
  stored: { readonly invocation: string; readonly command: string },
): Parsed {
  const invocation = JSON.parse(stored.invocation) as Invocation;
  const command = registry.find(stored.command);
  if (command === undefined) {
    throw new TargetError('unknown', `the command ${stored.command} no longer exists`);
  }
  const missing = Object.entries(command.args).find(
    ([key, { kind, options }]) =>
      kind === 'date' && options.default !== undefined && invocation.arguments[key] === undefined,
  );
  if (missing !== undefined) {
    // An older version left such a time open. No time doesn't mean any time.
    throw new TargetError('state', `the time that ${stored.command} was meant for is unknown`);
  }
  return { command, invocation, danger: dangerOfInvocation(command, invocation) };
}
