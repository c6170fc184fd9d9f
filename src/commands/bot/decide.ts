import type { Context } from '../../chat/command/declaration.ts';
import { DeniedError } from '../../core/errors.ts';
import type { Decided } from '../../services/services.ts';

/** Confirms or cancels for whoever typed the command. @throws DeniedError a rule or a timer sent it */
export async function decideFrom(
  { actor, origin, services }: Omit<Context, 'args'>,
  decision: 'confirm' | 'cancel',
  code: string | undefined,
): Promise<Decided> {
  if (actor.kind !== 'person') {
    throw new DeniedError('only people can confirm and cancel');
  }
  return services.bot.decide({ decision, code, by: actor.user, event: origin.event });
}
