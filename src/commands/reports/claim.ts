import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { actorName } from '../../chat/command/invocation.ts';
import { TargetError } from '../../core/errors.ts';
import { findItems, movedAnswer, moveItems } from './parts/move-reports.ts';

export default defineCommand({
  name: 'claim',
  synonyms: ['assign', 'mine', 'take'],
  summary: 'Shows that you are working on reports',
  does: ['show the others that you are handling it', 'reopen closed reports, claimed by you'],
  doesNot: ['prevent others from acting'],
  args: {
    items: positional('item', 'Report numbers', { many: true, min: 1, placeholder: 'ID' }),
    take: flag('boolean', 'Take over reports that somebody else has claimed', { default: false }),
  },
  danger: 'change',
  example: 'claim 12',
  async run(context) {
    const { args, actor, prefix } = context;
    const items = await findItems(context, args.items);
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
        `\`${taken.claimedBy}\` has claimed #${taken.id}`,
        `Nothing was changed. To take it over: \`${prefix}claim ${taken.id} --take\``,
      );
    }
    return moveItems(context, items, { state: 'claimed' });
  },
  answer: ({ args: { items } }, moved) =>
    movedAnswer('Claimed', moved, {
      next: items.length === 1 ? [`resolve ${items[0]}`, `dismiss ${items[0]}`] : [],
    }),
  undo: ({ args: { items } }) => `reopen ${items.join(' ')}`,
  reconcile: async ({ args: { items }, services }) =>
    services.reports.reconcileMove(items, 'claimed'),
});
