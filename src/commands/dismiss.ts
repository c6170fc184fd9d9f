import { defineCommand } from '../command/declaration.ts';
import {
  reopening,
  settleArguments,
  settledItemsAnswer,
  settleItems,
  settleSettling,
} from '../command/report-settle.ts';

export default defineCommand({
  name: 'dismiss',
  synonyms: ['close', 'ignore', 'reject'],
  group: 'reports',
  summary: 'Ends reports that led to nothing',
  does: [
    'count against those who reported',
    'with --sender: end all that wait about one user, after a raid',
  ],
  doesNot: ['delete the report from the homeserver'],
  args: settleArguments,
  danger: 'change',
  example: 'dismiss 12 --note "a joke among friends"',
  run: async (context) => settleItems(context, 'dismissed'),
  answer: ({ args }, items) => settledItemsAnswer('Dismissed', args, items),
  undo: (_, items) => reopening(items),
  settle: async (context) => settleSettling(context, 'dismissed'),
});
