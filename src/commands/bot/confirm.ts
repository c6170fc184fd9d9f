import { defineCommand } from '../../chat/command/declaration.ts';
import { decidingBy } from './parts/decision.ts';

export default defineCommand({
  name: 'confirm',
  synonyms: ['accept', 'go', 'ok', 'okay', 'proceed', 'yes'],
  summary: 'Confirms a pending command, which then runs',
  effect:
    'It changes what the confirmed command changes. The confirmation says who can confirm: the person who asked, or somebody else (confirmation.destructive and confirmation.critical in the configuration).',
  example: 'confirm 7K3Q',
  ...decidingBy('confirm'),
});
