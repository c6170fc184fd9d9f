import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { entryNumber, isLast } from '../../chat/reading/entry-number.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';

export default defineCommand({
  name: 'undo',
  synonyms: ['back', 'revert', 'roll-back', 'rollback', 'take-back'],
  summary: 'Takes an action back, by its number in the audit log',
  does: ['run the command that takes it back, with that command’s own role and confirmation'],
  doesNot: ['take back what can’t be: a deactivation, a deletion, a password'],
  args: {
    entry: positional(
      'word',
      'The number that the action’s answer shows, or last for your newest',
      {
        placeholder: 'ID|last',
      },
    ),
  },
  danger: 'read',
  role: 'moderator',
  example: 'undo 12',
  check({ entry }) {
    if (!isLast(entry) && entryNumber(entry) === undefined) {
      throw new UsageError(`\`${cut(entry)}\` is not the number of an action.`, {
        word: entry,
        advice: 'Write the number that its answer shows, such as `12`, or `last`.',
      });
    }
  },
  // While reading, the pipeline puts the command that takes the action back in the place of this one.
  async run({ args, services }) {
    const entry = await services.audit.get(entryNumber(args.entry) ?? 0);
    throw entry === undefined
      ? new TargetError('unknown', `there is no audit entry ${cut(args.entry)}`)
      : new TargetError(
          'state',
          entry.status === 'done'
            ? `#${entry.id} ${entry.command} can’t be taken back`
            : `#${entry.id} ${entry.command} was not done (${entry.status})`,
        );
  },
  answer: () => ({ mark: 'ℹ️', title: [] }),
});
