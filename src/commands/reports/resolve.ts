import { defineCommand } from '../../chat/command/declaration.ts';
import {
  closeArguments,
  closedAnswer,
  closeItems,
  reconcileClosing,
  reopenLine,
} from './parts/move-reports.ts';

export default defineCommand({
  name: 'resolve',
  synonyms: ['close', 'done', 'fixed'],
  summary: 'Closes reports as handled',
  does: [
    'count in favor of the reporters',
    'with --sender: close all pending reports about one user, for example after a raid',
  ],
  doesNot: ['do anything to the reported user or message'],
  args: closeArguments,
  danger: 'change',
  example: 'resolve 12 --note "warned by mail"',
  run: async (context) => closeItems(context, 'resolved'),
  answer: ({ args }, items) => closedAnswer('Resolved', args, items),
  undo: (_, items) => reopenLine(items),
  reconcile: async (context) => reconcileClosing(context, 'resolved'),
});
