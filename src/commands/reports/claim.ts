import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { actorName } from '../../chat/command/invocation.ts';
import { TargetError } from '../../core/errors.ts';
import { itemsNumbered, movedAnswer, moveItems, reconcileMove } from './report-move.ts';

export default defineCommand({
  name: 'claim',
  synonyms: ['assign', 'mine', 'take'],
  summary: 'Says that you are working on reports',
  does: ['tell the others to keep off', 'open a settled report again, for you'],
  doesNot: ['keep others from acting'],
  args: {
    items: positional('item', 'The reports’ numbers', { many: true, min: 1, placeholder: 'ID' }),
    take: flag('boolean', 'Also from somebody who has claimed it', { default: false }),
  },
  danger: 'change',
  example: 'claim 12',
  async run(context) {
    const { args, actor, prefix } = context;
    const items = await itemsNumbered(context, args.items);
    const me = actorName(actor);
    const taken = items.find(
      ({ state, claimedBy }) => state === 'claimed' && (claimedBy !== me || items.length === 1),
    );
    if (taken?.claimedBy === me) {
      throw new TargetError('state', `#${taken.id} is already yours`);
    }
    if (taken !== undefined && !args.take) {
      throw new TargetError(
        'state',
        `\`${taken.claimedBy}\` is on #${taken.id}`,
        `Nothing was changed. \`${prefix}claim ${taken.id} --take\` takes it over.`,
      );
    }
    return moveItems(context, items, { state: 'claimed' });
  },
  answer: ({ args: { items } }, moved) =>
    movedAnswer('Claimed', moved, {
      next: items.length === 1 ? [`resolve ${items[0]}`, `dismiss ${items[0]}`] : [],
    }),
  undo: ({ args: { items } }) => `reopen ${items.join(' ')}`,
  reconcile: async (context) => reconcileMove(context, context.args.items, 'claimed'),
});
