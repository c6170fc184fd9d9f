import { defineCommand } from '../../chat/command/declaration.ts';
import {
  reopening,
  closeArguments,
  closedItemsAnswer,
  closeItems,
  reconcileClosing,
} from './close-reports.ts';

export default defineCommand({
  name: 'dismiss',
  synonyms: ['close', 'ignore', 'reject'],
  summary: 'Ends reports that led to nothing',
  does: [
    'count against those who reported',
    'with --sender: end all that wait about one user, after a raid',
  ],
  doesNot: ['delete the report from the homeserver'],
  args: closeArguments,
  danger: 'change',
  example: 'dismiss 12 --note "a joke among friends"',
  run: async (context) => closeItems(context, 'dismissed'),
  answer: ({ args }, items) => closedItemsAnswer('Dismissed', args, items),
  undo: (_, items) => reopening(items),
  reconcile: async (context) => reconcileClosing(context, 'dismissed'),
});
