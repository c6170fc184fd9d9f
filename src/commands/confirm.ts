import { positional } from '../command/arguments.ts';
import { settledAnswer, settleFrom } from '../command/decision.ts';
import { defineCommand } from '../command/declaration.ts';

export default defineCommand({
  name: 'confirm',
  synonyms: ['accept', 'approve', 'go', 'ok', 'okay', 'proceed', 'yes'],
  group: 'bot',
  summary: 'Carries out what waits for confirmation',
  args: {
    code: positional('word', 'The code in the question; without one, your only question', {
      optional: true,
    }),
  },
  danger: 'read',
  example: 'confirm 7K3Q',
  run: async (context) => settleFrom(context, 'confirm', context.args.code),
  answer: (_, settled) => settledAnswer(settled),
});
