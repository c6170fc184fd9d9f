import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { partialUndo } from '../../chat/command/partial-undo.ts';
import { canBeUndoneIfItChanged } from '../../chat/command/properties.ts';
import { entryNumber, isLast } from '../../chat/reading/entry-number.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import type { Services } from '../../services/services.ts';
import { lostEntry } from './parts/lost-entry.ts';

export default defineCommand({
  name: 'undo',
  synonyms: ['back', 'revert', 'roll-back', 'rollback', 'take-back'],
  summary: 'Undoes an action by its number in the audit log, or a whole operation',
  does: [
    'run the command that undoes it, with that command’s own role and confirmation',
    'with --operation: undo everything that an operation on several targets has done, after a confirmation, with an audit entry for each action',
  ],
  doesNot: [
    'undo what is permanent: deletions, redactions, password resets, and what !deactivate does',
    'with --operation: undo what has been changed since',
  ],
  args: {
    entry: positional(
      'word',
      'The number in the action’s answer, or “last” for your latest action',
      {
        optional: true,
        placeholder: 'ID|last',
        unless: ['operation'],
      },
    ),
    operation: flag('integer', 'Instead of one action: all that this operation has done', {
      min: 1,
    }),
  },
  danger: ({ operation }) => (operation === undefined ? 'read' : 'change'),
  // An operation is as dangerous to undo as the commands that undo it.
  maxDanger: 'critical',
  effect:
    'It changes what the undoing command changes, and asks for confirmation if that command does; with --operation it always asks.',
  role: 'moderator',
  example: 'undo 12',
  check({ entry, operation }) {
    if (operation !== undefined) {
      return;
    }
    if (entry === undefined) {
      throw new UsageError('Which action?', {
        advice:
          'Give its number, which its answer shows, or `last`; or `--operation` and the number of an operation.',
      });
    }
    if (!isLast(entry) && entryNumber(entry) === undefined) {
      throw new UsageError(`\`${cut(entry)}\` is not the number of an action.`, {
        word: entry,
        advice: 'Write the number in its answer, for example `12`, or `last`.',
      });
    }
  },
  // Parsing replaces this command with the one that undoes the action, or with all commands that undo an
  // operation.
  preview: async () => ({ title: [], body: [] }),
  async run({ args: { entry: wanted = '' }, services, registry, prefix }) {
    const number = entryNumber(wanted) ?? 0;
    const entry = await services.audit.get(number);
    const operation = await operationHint(services, wanted, prefix);
    if (entry === undefined && (await services.audit.isLost(number))) {
      throw lostEntry(number);
    }
    if (entry === undefined) {
      throw new TargetError('unknown', `there is no audit entry ${cut(wanted)}`, operation);
    }
    const { id, command, status, target } = entry;
    const partly = partialUndo(registry, prefix, {
      command,
      targets: target === null ? [] : [target],
    });
    const found = registry.find(command);
    const inVain =
      found !== undefined && canBeUndoneIfItChanged(found)
        ? 'As far as I know it changed nothing, because this was so already.'
        : undefined;
    const advice = [inVain, partly, operation].filter((part) => part !== undefined).join('\n');
    throw status === 'done'
      ? new TargetError(
          'state',
          `#${id} (${command}) can’t be undone`,
          advice === '' ? undefined : advice,
        )
      : new TargetError('state', `#${id} (${command}) was not done: ${status}`, operation);
  },
  answer: () => ({ mark: 'ℹ️', title: [] }),
});

/** What to write if the number of an operation was meant; undefined if there is no such operation. */
async function operationHint(
  { audit }: Pick<Services, 'audit'>,
  wanted: string,
  prefix: string,
): Promise<string | undefined> {
  const id = entryNumber(wanted);
  return id !== undefined && (await audit.isOperation(id))
    ? `If you mean operation ${id}: \`${prefix}undo --operation ${id}\``
    : undefined;
}
