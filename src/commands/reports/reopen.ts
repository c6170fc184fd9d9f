import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { TargetError } from '../../core/errors.ts';
import { itemsNumbered, movedAnswer, moveItems, reconcileMove } from './report-move.ts';

export default defineCommand({
  name: 'reopen',
  synonyms: ['un-resolve', 'unassign', 'unclaim', 'undismiss', 'unresolve'],
  summary: 'Makes reports open again, for everybody',
  does: ['give back what was claimed', 'put back what was resolved or dismissed'],
  args: {
    items: positional('item', 'The reports’ numbers', { many: true, min: 1, placeholder: 'ID' }),
  },
  danger: 'change',
  example: 'reopen 12',
  async run(context) {
    const items = await itemsNumbered(context, context.args.items);
    const open = items.find(({ state }) => state === 'open');
    if (open !== undefined) {
      throw new TargetError('state', `#${open.id} is open`, 'Nothing was changed.');
    }
    return moveItems(context, items, { state: 'open' });
  },
  answer: ({ args: { items } }, moved) =>
    movedAnswer('Open again:', moved, { next: items.length === 1 ? [`claim ${items[0]}`] : [] }),
  reconcile: async (context) => reconcileMove(context, context.args.items, 'open'),
});
