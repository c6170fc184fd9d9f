import { DeniedError } from '../../core/errors.ts';
import type { Decided } from '../../services/services.ts';
import { bold } from '../answers/answer.ts';
import type { Answer, Mark } from '../answers/answer.ts';
import type { Context } from './declaration.ts';

/** Settles a confirmation for whoever typed the command. */
export async function decideFrom(
  { actor, origin, services }: Omit<Context, 'args'>,
  decision: 'confirm' | 'cancel',
  code: string | undefined,
): Promise<Decided> {
  if (actor.kind !== 'person') {
    throw new DeniedError('only people confirm and cancel');
  }
  return services.bot.settle({ decision, code, by: actor.user, event: origin.event });
}

const marks: Record<Decided['outcome'], Mark> = {
  cancelled: '✅',
  done: '✅',
  running: '⏳',
  partial: '⚠️',
  unknown: '⚠️',
  failed: '❌',
};

/** One line that says how it ended; the confirmation itself now holds the whole answer. */
export function decidedAnswer(settled: Decided): Answer {
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
