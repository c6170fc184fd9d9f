import { defineCommand } from '../command/declaration.ts';
import {
  reopening,
  settleArguments,
  settledItemsAnswer,
  settleItems,
  settleSettling,
} from '../command/report-settle.ts';

export default defineCommand({
  name: 'resolve',
  synonyms: ['close', 'done', 'fixed'],
  group: 'reports',
  summary: 'Ends reports that led to something',
  does: [
    'count in favour of those who reported',
    'with --sender: end all that wait about one user, after a raid',
  ],
  doesNot: ['touch who or what was reported'],
  args: settleArguments,
  danger: 'change',
  example: 'resolve 12 --note "warned by mail"',
  run: async (context) => settleItems(context, 'resolved'),
  answer: ({ args }, items) => settledItemsAnswer('Resolved', args, items),
  undo: (_, items) => reopening(items),
  settle: async (context) => settleSettling(context, 'resolved'),
});
