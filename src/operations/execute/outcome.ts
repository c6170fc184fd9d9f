import { line } from '../../chat/answers/answer.ts';
import type { Block, Status } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import type { OpenItemCount } from '../../store/tables/reports/report-items.ts';
import { lastUndoBlocks } from '../answer/last-undo.ts';
import type { RefusalContext } from '../answer/refusal.ts';
import type { Reply } from '../answer/reply.ts';
import { leftOutBlocks } from '../confirm/left-out.ts';
import type { Settings } from '../settings.ts';
import { numberDone, operationField } from './operation-field.ts';
import { isCut, keptBackByStop, notBegunBeforeStop } from './operation.ts';
import type { Attempt } from './operation.ts';
import { cutBlocks, severalReply } from './several-outcomes.ts';
import { singleReply, timerBlocks, trailOf } from './single-outcome.ts';
import type { About, NamesContext } from './single-outcome.ts';

/** What wording outcomes needs. */
export type OutcomeContext = RefusalContext &
  NamesContext & { readonly settings: Pick<Settings, 'homeservers' | 'serverName'> };

/**
 * The answer to an operation that has ended.
 *
 * @param waiting other pending reports about the accounts that it dealt with
 */
export function outcomeReply(
  context: OutcomeContext,
  about: About,
  attempts: readonly Attempt[],
  waiting: readonly OpenItemCount[] = [],
): Reply {
  const audit = attempts.flatMap((attempt) => attempt.audit ?? []);
  const [only] = attempts;
  const status = statusOfAll(about, attempts);
  const operation = operationField(about, status, attempts);
  // What a stop kept back is summed up instead.
  const leftOut = (about.leftOut ?? []).filter(({ why }) => why !== notBegunBeforeStop);
  const reports = [...leftOutBlocks(leftOut), ...waitingBlocks(waiting)];
  const trail = trailOf(context, about, attempts, audit);
  // A target of which only a part was begun is told with what is missing.
  const isWhole = keptBackByStop(about).length === 0 && cutBlocks(about).length === 0;
  if (only !== undefined && attempts.length === 1 && isWhole) {
    const { answer, ...rest } = singleReply(context, about, only, audit);
    const next = [...waitingNext(waiting), ...(answer.next ?? [])];
    const timers = timerBlocks(about, only);
    const body = [
      ...(answer.body ?? []),
      ...timers,
      ...reports,
      ...lastUndoBlocks(about.invocation),
      ...trail,
    ];
    // Done for one, and left out for others.
    const isPartial = isCut(about) && status === 'partial';
    const asWhole = isCut(about) ? { status } : {};
    const marked = isPartial ? { mark: '⚠️' as const } : {};
    return { ...rest, ...operation, ...asWhole, answer: { ...answer, ...marked, body, next } };
  }
  return severalReply(context, about, attempts, {
    status,
    operation,
    audit,
    more: [...reports, ...trail],
    next: waitingNext(waiting),
  });
}

function statusOfAll(about: About, attempts: readonly Attempt[]): Status {
  const [only] = attempts;
  if (only !== undefined && attempts.length === 1 && !isCut(about)) {
    return only.answer?.status ?? only.status;
  }
  const done = numberDone(attempts);
  if (attempts.length === 0) {
    return 'cancelled';
  }
  if (done === attempts.length) {
    return isCut(about) ? 'partial' : 'done';
  }
  const isUnknown = attempts.some(({ status }) => status === 'unknown' || status === 'running');
  const isPartial = done > 0 || attempts.some(({ status }) => status === 'partial');
  return isPartial ? 'partial' : isUnknown ? 'unknown' : 'failed';
}

/** `3 reports about this user are still open.` */
function waitingBlocks(waiting: readonly OpenItemCount[]): Block[] {
  const items = waiting.reduce((sum, about) => sum + about.items, 0);
  const whom = waiting.length === 1 ? 'this user' : `${waiting.length} of these users`;
  return items === 0
    ? []
    : [line(`${count(items, 'report')} about ${whom} ${items === 1 ? 'is' : 'are'} still open.`)];
}

function waitingNext([first]: readonly OpenItemCount[]): string[] {
  return first === undefined ? [] : [`resolve --sender ${first.sender}`];
}
