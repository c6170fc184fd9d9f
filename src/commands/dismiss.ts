import { flag, positional } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { itemsNumbered, movedAnswer, moveItems, settleMove } from '../command/report-move.ts';
import { TargetError } from '../errors.ts';

export default defineCommand({
  name: 'dismiss',
  group: 'reports',
  summary: 'Ends reports that led to nothing',
  does: ['count against those who reported'],
  doesNot: ['delete the report from the homeserver'],
  args: {
    items: positional('item', 'The reports’ numbers', { many: true, min: 1, placeholder: 'ID' }),
    note: flag('text', 'What to remember of it; the reason, where left out'),
  },
  danger: 'change',
  example: 'dismiss 12 --note "a joke among friends"',
  async run(context) {
    const { args, reason } = context;
    const items = await itemsNumbered(context, args.items);
    const settled = items.find(({ state }) => state === 'dismissed');
    if (settled !== undefined) {
      throw new TargetError('state', `#${settled.id} is already dismissed`, 'Nothing was changed.');
    }
    return moveItems(context, items, { state: 'dismissed', note: args.note ?? reason });
  },
  answer: ({ args: { items, note } }, moved) =>
    movedAnswer('Dismissed', moved, { note, next: [`reopen ${items.join(' ')}`] }),
  undo: ({ args: { items } }) => `reopen ${items.join(' ')}`,
  settle: async (context) => settleMove(context, context.args.items, 'dismissed'),
});
