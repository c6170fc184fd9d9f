import type { Answer, Moderator } from '../../dev/room/moderator.ts';

/** Types a command that asks for confirmation, and confirms it; returns the confirmation and its end. */
export async function askAndConfirm(
  who: Moderator,
  line: string,
): Promise<{ confirmation: Answer; outcome: Answer }> {
  const confirmation = await who.ask(line);
  if (confirmation.field.status !== 'pending') {
    throw new Error(`not asked to confirm, but answered: ${confirmation.body}`);
  }
  await who.ask(`!confirm ${confirmation.field.confirmation?.code ?? ''}`);
  const outcome = await who.outcomeOf(confirmation, 'done', 'partial', 'failed', 'unknown');
  return { confirmation, outcome };
}
