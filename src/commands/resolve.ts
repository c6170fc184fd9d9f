import { flag, positional } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { itemsNumbered, movedAnswer, moveItems, settleMove } from '../command/report-move.ts';
import { TargetError } from '../errors.ts';

export default defineCommand({
  name: 'resolve',
  group: 'reports',
  summary: 'Ends reports that led to something',
  does: ['count in favour of those who reported'],
  doesNot: ['touch who or what was reported'],
  args: {
    items: positional('item', 'The reports’ numbers', { many: true, min: 1, placeholder: 'ID' }),
    note: flag('text', 'What to remember of it; the reason, where left out'),
  },
  danger: 'change',
  example: 'resolve 12 --note "warned by mail"',
  async run(context) {
    const { args, reason } = context;
    const items = await itemsNumbered(context, args.items);
    const settled = items.find(({ state }) => state === 'resolved');
    if (settled !== undefined) {
      throw new TargetError('state', `#${settled.id} is already resolved`, 'Nothing was changed.');
    }
    return moveItems(context, items, { state: 'resolved', note: args.note ?? reason });
  },
  answer: ({ args: { items, note } }, moved) =>
    movedAnswer('Resolved', moved, { note, next: [`reopen ${items.join(' ')}`] }),
  undo: ({ args: { items } }) => `reopen ${items.join(' ')}`,
  settle: async (context) => settleMove(context, context.args.items, 'resolved'),
});
