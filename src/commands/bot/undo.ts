import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { entryNumber, isLast } from '../../chat/reading/entry-number.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';

export default defineCommand({
  name: 'undo',
  synonyms: ['back', 'revert', 'roll-back', 'rollback', 'take-back'],
  summary: 'Undoes an action, by its number in the audit log',
  does: ['run the command that undoes it, with that command’s own role and confirmation'],
  doesNot: ['undo what is permanent: deactivations, deletions, password resets'],
  args: {
    entry: positional(
      'word',
      'The number in the action’s answer, or “last” for your latest action',
      {
        placeholder: 'ID|last',
      },
    ),
  },
  danger: 'read',
  effect:
    'It changes what the command that undoes the action changes. If that one asks for confirmation, so does this.',
  role: 'moderator',
  example: 'undo 12',
  check({ entry }) {
    if (!isLast(entry) && entryNumber(entry) === undefined) {
      throw new UsageError(`\`${cut(entry)}\` is not the number of an action.`, {
        word: entry,
        advice: 'Write the number in its answer, for example `12`, or `last`.',
      });
    }
  },
  // When parsing, the pipeline replaces this command with the one that undoes the action.
  async run({ args, services }) {
    const entry = await services.audit.get(entryNumber(args.entry) ?? 0);
    throw entry === undefined
      ? new TargetError('unknown', `there is no audit entry ${cut(args.entry)}`)
      : new TargetError(
          'state',
          entry.status === 'done'
            ? `#${entry.id} (${entry.command}) can’t be undone`
            : `#${entry.id} (${entry.command}) was not done: ${entry.status}`,
        );
  },
  answer: () => ({ mark: 'ℹ️', title: [] }),
});
