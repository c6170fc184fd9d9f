import { defineCommand } from '../../chat/command/declaration.ts';
import { closesBySender, closingBy } from './parts/move-reports.ts';

export default defineCommand({
  name: 'dismiss',
  synonyms: ['close', 'ignore', 'reject'],
  summary: 'Closes reports with no action needed',
  does: ['count against the reporters', closesBySender],
  doesNot: ['delete the reports from the homeserver'],
  example: 'dismiss 12 --note "a joke among friends"',
  ...closingBy('Dismissed', 'dismissed'),
});
