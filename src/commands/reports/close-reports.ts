import type { Answer } from '../../chat/answers/answer.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import type { RunArguments } from '../../chat/command/arguments.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { TargetError } from '../../core/errors.ts';
import type { ItemQuery, ReportItem } from '../../services/services.ts';
import { itemsNumbered, maxNumbers, movedAnswer, moveItems, reconcileMove } from './report-move.ts';

/** What is settled: items by their numbers, or all that wait about one user. */
export const closeArguments = {
  items: positional('item', 'The reports’ numbers', {
    many: true,
    min: 1,
    placeholder: 'ID',
    unless: 'sender',
  }),
  sender: flag('user', 'In place of numbers: all open or claimed reports about this user'),
  note: flag('text', 'What to remember of it; the reason, where left out'),
} as const;

type Closing = Context<typeof closeArguments>;

/** More are settled when the command is sent again. */
const maxAtOnce = 1000;

const waitingAbout = (sender: string): ItemQuery => ({ states: ['open', 'claimed'], sender });

/**
 * Settles items; returns them as they were before.
 *
 * @throws TargetError there is no such item, it is settled so already, or none waits
 */
export async function closeItems(
  context: Closing,
  state: 'resolved' | 'dismissed',
): Promise<readonly ReportItem[]> {
  const { args, services, reason } = context;
  const { sender, note = reason } = args;
  const items =
    sender === undefined
      ? await itemsNumbered(context, args.items)
      : await services.reports.search(waitingAbout(sender), { limit: maxAtOnce });
  if (items.length === 0) {
    throw new TargetError('unknown', `no report about ${sender} waits`, 'Nothing was changed.');
  }
  const settled = items.find((item) => item.state === state);
  if (settled !== undefined) {
    throw new TargetError('state', `#${settled.id} is already ${state}`, 'Nothing was changed.');
  }
  const oldestFirst = items.toSorted((one, other) => one.id - other.id);
  return moveItems(context, oldestFirst, { state, note });
}

export function closedItemsAnswer(
  did: string,
  { sender, note }: RunArguments<typeof closeArguments>,
  items: readonly ReportItem[],
): Answer {
  const next =
    items.length <= maxNumbers
      ? [reopening(items)]
      : sender === undefined
        ? []
        : [`reports --sender ${sender}`];
  return movedAnswer(did, items, { note, sender, next });
}

/** The command line that puts them back. */
export function reopening(items: readonly ReportItem[]): string {
  return `reopen ${items.map(({ id }) => id).join(' ')}`;
}

/** Whether what was to be settled is: nothing about a user waits any more. */
export async function reconcileClosing(
  { args, services }: Closing,
  state: 'resolved' | 'dismissed',
): Promise<'done' | 'not_done'> {
  if (args.sender === undefined) {
    return reconcileMove({ services }, args.items, state);
  }
  return (await services.reports.count(waitingAbout(args.sender))) === 0 ? 'done' : 'not_done';
}
