import { defineCommand } from '../../chat/command/declaration.ts';
import { TargetError } from '../../core/errors.ts';

export default defineCommand({
  name: 'more',
  synonyms: ['next', 'next-page'],
  summary: 'Shows the next page of your last list',
  args: {},
  danger: 'read',
  example: 'more',
  // When parsing, the pipeline replaces this command with the list's own, if there is a next page.
  run: async () => {
    throw new TargetError('state', 'there are no more pages');
  },
  answer: () => ({ mark: 'ℹ️', title: [] }),
});
