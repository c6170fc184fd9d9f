import { defineCommand } from '../../chat/command/declaration.ts';
import {
  reopening,
  closeArguments,
  closedItemsAnswer,
  closeItems,
  reconcileClosing,
} from './close-reports.ts';

export default defineCommand({
  name: 'resolve',
  synonyms: ['close', 'done', 'fixed'],
  summary: 'Ends reports that led to something',
  does: [
    'count in favour of those who reported',
    'with --sender: end all that wait about one user, after a raid',
  ],
  doesNot: ['touch who or what was reported'],
  args: closeArguments,
  danger: 'change',
  example: 'resolve 12 --note "warned by mail"',
  run: async (context) => closeItems(context, 'resolved'),
  answer: ({ args }, items) => closedItemsAnswer('Resolved', args, items),
  undo: (_, items) => reopening(items),
  reconcile: async (context) => reconcileClosing(context, 'resolved'),
});
