import { defineCommand } from '../../chat/command/declaration.ts';
import { closesBySender, closingBy } from './parts/move-reports.ts';

export default defineCommand({
  name: 'resolve',
  synonyms: ['close', 'done', 'fixed'],
  summary: 'Closes reports as handled',
  does: ['count in favor of the reporters', closesBySender],
  doesNot: ['do anything to the reported user or message'],
  example: 'resolve 12 --note "warned by mail"',
  ...closingBy('Resolved', 'resolved'),
});
