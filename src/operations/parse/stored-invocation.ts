import { z } from 'zod';

import type { Invocation } from '../../chat/command/invocation.ts';

/** What every stored invocation has, whatever its command. */
export const invocationForm = z.looseObject({
  command: z.string(),
  arguments: z.record(z.string(), z.unknown()),
  actor: z.looseObject({ kind: z.enum(['person', 'rule', 'timer']) }),
  origin: z.looseObject({ event: z.string(), room: z.string() }),
});

/** Reads a stored invocation; undefined if the row is damaged, which must harm no other. */
export function readInvocation(text: string): Invocation | undefined {
  try {
    const read = invocationForm.safeParse(JSON.parse(text));
    return read.success ? (read.data as unknown as Invocation) : undefined;
  } catch {
    return undefined;
  }
}
