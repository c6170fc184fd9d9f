import { decidedAnswer } from '../../chat/answers/decided.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { decideFrom } from './decide.ts';

export default defineCommand({
  name: 'confirm',
  synonyms: ['accept', 'approve', 'go', 'ok', 'okay', 'proceed', 'yes'],
  summary: 'Carries out what waits for confirmation',
  args: {
    code: positional('word', 'The code in the question; without one, your only question', {
      optional: true,
    }),
  },
  danger: 'read',
  example: 'confirm 7K3Q',
  run: async (context) => decideFrom(context, 'confirm', context.args.code),
  answer: (_, settled) => decidedAnswer(settled),
});
