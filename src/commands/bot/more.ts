import { defineCommand } from '../../chat/command/declaration.ts';
import { TargetError } from '../../core/errors.ts';

export default defineCommand({
  name: 'more',
  synonyms: ['next', 'next-page', 'page'],
  summary: 'Shows the next page of your last list',
  args: {},
  danger: 'read',
  example: 'more',
  // While reading, the pipeline puts the list's own command in the place of this one, if there is one.
  run: async () => {
    throw new TargetError('state', 'no list of yours has a next page');
  },
  answer: () => ({ mark: 'ℹ️', title: [] }),
});
