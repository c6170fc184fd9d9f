import { subjectOf } from '../../chat/command/declaration.ts';
import type { UserId } from '../../core/ids.ts';
import type { Parsed } from '../stages.ts';

/** The accounts that an invocation names. */
export function targetsOf({
  command,
  invocation,
}: Pick<Parsed, 'command' | 'invocation'>): UserId[] {
  const given = invocation.arguments[subjectOf(command) ?? ''];
  return given === undefined ? [] : ([given].flat() as UserId[]);
}
