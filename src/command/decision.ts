import { DeniedError } from '../errors.ts';
import type { Settled } from '../services/services.ts';
import { bold } from './answer.ts';
import type { Answer, Mark } from './answer.ts';
import type { Context } from './declaration.ts';

/** Settles a question for whoever typed the command. */
export async function settleFrom(
  { actor, origin, services }: Omit<Context, 'args'>,
  decision: 'confirm' | 'cancel',
  code: string | undefined,
): Promise<Settled> {
  if (actor.kind !== 'person') {
    throw new DeniedError('only people confirm and cancel');
  }
  return services.bot.settle({ decision, code, by: actor.user, event: origin.event });
}

const marks: Record<Settled['outcome'], Mark> = {
  cancelled: '✅',
  done: '✅',
  running: '⏳',
  partial: '⚠️',
  unknown: '⚠️',
  failed: '❌',
};

/** One line that says how it ended; the question itself now holds the whole answer. */
export function settledAnswer(settled: Settled): Answer {
  const { code, command, outcome, headline, audit } = settled;
  return {
    mark: marks[outcome],
    title: [
      bold(code),
      ` ${headline}`,
      audit.length === 0 ? '' : ` · audit ${audit.map((id) => `#${id}`).join(' ')}`,
    ],
    status: outcome === 'cancelled' ? 'done' : outcome,
    data: { code, command, outcome, audit },
  };
}
