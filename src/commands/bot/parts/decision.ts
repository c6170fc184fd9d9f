import { decidedAnswer } from '../../../chat/answers/decided.ts';
import { positional } from '../../../chat/command/arguments.ts';
import type { Context } from '../../../chat/command/declaration.ts';
import { DeniedError } from '../../../core/errors.ts';
import type { Decided } from '../../../services/services.ts';

const args = {
  code: positional('word', 'Confirmation code (default: your only pending confirmation)', {
    optional: true,
  }),
} as const;

/** What `confirm` and `cancel` share: all but their names and texts. */
export function decidingBy(decision: 'confirm' | 'cancel') {
  return {
    args,
    danger: 'read',
    async run({ args: { code }, actor, origin, services }: Context<typeof args>): Promise<Decided> {
      if (actor.kind !== 'person') {
        throw new DeniedError('only people can confirm and cancel');
      }
      return services.bot.decide({ decision, code, by: actor.user, event: origin.event });
    },
    answer: (_: unknown, decided: Decided) => decidedAnswer(decided),
  } as const;
}
