import { decidedAnswer } from '../../chat/answers/decided.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { decideFrom } from './decide.ts';

export default defineCommand({
  name: 'cancel',
  synonyms: ['abort', 'decline', 'deny', 'never-mind', 'nevermind', 'no', 'stop'],
  summary: 'Drops what waits for confirmation',
  args: {
    code: positional('word', 'The code in the question; without one, your only question', {
      optional: true,
    }),
  },
  danger: 'read',
  example: 'cancel 7K3Q',
  run: async (context) => decideFrom(context, 'cancel', context.args.code),
  answer: (_, settled) => decidedAnswer(settled),
});
