import type { Answer, Moderator } from '../../dev/room/moderator.ts';

/** Types a command that asks for confirmation, and confirms it; returns the question and its end. */
export async function askAndConfirm(
  who: Moderator,
  line: string,
): Promise<{ question: Answer; outcome: Answer }> {
  const question = await who.ask(line);
  if (question.field.status !== 'pending') {
    throw new Error(`not asked to confirm, but answered: ${question.body}`);
  }
  await who.ask(`!confirm ${question.field.confirmation?.code ?? ''}`);
  const outcome = await who.outcomeOf(question, 'done', 'partial', 'failed', 'unknown');
  return { question, outcome };
}
