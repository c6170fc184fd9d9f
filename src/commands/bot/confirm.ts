import { decidedAnswer } from '../../chat/answers/decided.ts';
import { positional } from '../../chat/command/arguments.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { DeniedError } from '../../core/errors.ts';
import type { Decided } from '../../services/services.ts';

export default defineCommand({
  name: 'confirm',
  synonyms: ['accept', 'approve', 'go', 'ok', 'okay', 'proceed', 'yes'],
  summary: 'Confirms a pending command, which then runs',
  args: {
    code: positional('word', 'Confirmation code (default: your only pending confirmation)', {
      optional: true,
    }),
  },
  danger: 'read',
  effect:
    'It changes what the confirmed command changes. The confirmation says who can confirm: the person who asked, or somebody else (confirmation.destructive and confirmation.critical in the configuration).',
  example: 'confirm 7K3Q',
  run: async (context) => decideFrom(context, 'confirm', context.args.code),
  answer: (_, decided) => decidedAnswer(decided),
});

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
