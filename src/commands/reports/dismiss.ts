import { defineCommand } from '../../chat/command/declaration.ts';
import {
  closeArguments,
  closedAnswer,
  closeItems,
  reconcileClosing,
  reopenLine,
} from './parts/move-reports.ts';

export default defineCommand({
  name: 'dismiss',
  synonyms: ['close', 'ignore', 'reject'],
  summary: 'Closes reports with no action needed',
  does: [
    'count against the reporters',
    'with --sender: close all pending reports about one user, for example after a raid',
  ],
  doesNot: ['delete the reports from the homeserver'],
  args: closeArguments,
  danger: 'change',
  example: 'dismiss 12 --note "a joke among friends"',
  run: async (context) => closeItems(context, 'dismissed'),
  answer: ({ args }, items) => closedAnswer('Dismissed', args, items),
  undo: (_, items) => reopenLine(items),
  reconcile: async (context) => reconcileClosing(context, 'dismissed'),
});
