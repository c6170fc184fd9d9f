import { defineCommand } from '../../chat/command/declaration.ts';
import { decidingBy } from './parts/decision.ts';

export default defineCommand({
  name: 'cancel',
  synonyms: ['abort', 'decline', 'deny', 'never-mind', 'nevermind', 'no', 'stop'],
  summary: 'Cancels a pending command',
  effect: 'It ends the confirmation; the command is not carried out.',
  example: 'cancel 7K3Q',
  ...decidingBy('cancel'),
});
