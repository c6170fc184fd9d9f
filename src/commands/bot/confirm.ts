import { decidedAnswer } from '../../chat/answers/decided.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { decideFrom } from './decide.ts';

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
  example: 'confirm 7K3Q',
  run: async (context) => decideFrom(context, 'confirm', context.args.code),
  answer: (_, decided) => decidedAnswer(decided),
});
