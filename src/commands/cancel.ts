import { positional } from '../command/arguments.ts';
import { settledAnswer, settleFrom } from '../command/decision.ts';
import { defineCommand } from '../command/declaration.ts';

export default defineCommand({
  name: 'cancel',
  synonyms: ['abort', 'decline', 'deny', 'never-mind', 'nevermind', 'no', 'stop'],
  group: 'bot',
  summary: 'Drops what waits for confirmation',
  args: {
    code: positional('word', 'The code in the question; without one, your only question', {
      optional: true,
    }),
  },
  danger: 'read',
  example: 'cancel 7K3Q',
  run: async (context) => settleFrom(context, 'cancel', context.args.code),
  answer: (_, settled) => settledAnswer(settled),
});
