import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { TargetError } from '../../core/errors.ts';
import { findItems, movedAnswer, moveItems } from './parts/move-reports.ts';

export default defineCommand({
  name: 'reopen',
  synonyms: ['un-resolve', 'unassign', 'unclaim', 'undismiss', 'unresolve'],
  summary: 'Reopens reports, for everybody',
  does: ['release claimed reports', 'reopen resolved or dismissed reports'],
  args: {
    items: positional('item', 'Report numbers', { many: true, min: 1, placeholder: 'ID' }),
  },
  danger: 'change',
  example: 'reopen 12',
  async run(context) {
    const items = await findItems(context, context.args.items);
    const open = items.find(({ state }) => state === 'open');
    if (open !== undefined) {
      throw new TargetError('state', `#${open.id} is already open`, 'Nothing was changed.');
    }
    return moveItems(context, items, { state: 'open' });
  },
  answer: ({ args: { items } }, moved) =>
    movedAnswer('Reopened', moved, { next: items.length === 1 ? [`claim ${items[0]}`] : [] }),
  reconcile: async ({ args: { items }, services }) => services.reports.reconcileMove(items, 'open'),
});
