import { decidedAnswer } from '../../chat/answers/decided.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { decideFrom } from './confirm.ts';

export default defineCommand({
  name: 'cancel',
  synonyms: ['abort', 'decline', 'deny', 'never-mind', 'nevermind', 'no', 'stop'],
  summary: 'Cancels a pending command',
  args: {
    code: positional('word', 'Confirmation code (default: your only pending confirmation)', {
      optional: true,
    }),
  },
  danger: 'read',
  effect: 'It ends the confirmation; the command is not carried out.',
  example: 'cancel 7K3Q',
  run: async (context) => decideFrom(context, 'cancel', context.args.code),
  answer: (_, decided) => decidedAnswer(decided),
});
