import type { Decided } from '../../services/services.ts';
import { bold } from './answer.ts';
import type { Answer, Mark } from './answer.ts';

const marks: Record<Decided['outcome'], Mark> = {
  cancelled: '✅',
  scheduled: '⏳',
  done: '✅',
  running: '⏳',
  partial: '⚠️',
  unknown: '⚠️',
  failed: '❌',
};

/** One line that says how it ended. The message that asked for confirmation now has the whole answer. */
export function decidedAnswer(decided: Decided): Answer {
  const { code, command, outcome, headline, audit, operation } = decided;
  return {
    mark: marks[outcome],
    title: [
      bold(code),
      ` ${headline}`,
      ...(audit.length > 1 ? [` · operation ${operation}`] : audit.map((id) => ` · audit #${id}`)),
    ],
    status: outcome === 'cancelled' || outcome === 'scheduled' ? 'done' : outcome,
    data: { code, command, outcome, audit, operation },
  };
}
