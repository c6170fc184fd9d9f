import { bold, code, line } from '../../../chat/answers/answer.ts';
import type { Answer, Inline } from '../../../chat/answers/answer.ts';
import { count } from '../../../chat/answers/phrases.ts';
import { whatIsReported } from '../../../chat/answers/report-item.ts';
import { withoutLinks } from '../../../chat/answers/untrusted-text.ts';
import { flag, positional } from '../../../chat/command/arguments.ts';
import type { Context } from '../../../chat/command/declaration.ts';
import { actorName } from '../../../chat/command/invocation.ts';
import { idWord } from '../../../chat/reading/values.ts';
import { TargetError } from '../../../core/errors.ts';
import type { UserId } from '../../../core/ids.ts';
import type { ItemState, ReportItem } from '../../../services/services.ts';

type Caller = Pick<Context, 'services' | 'actor' | 'origin' | 'now' | 'prefix'>;

/** Up to this many reports are named one by one. */
const maxNumbers = 10;
/** The maximum number of reports that one command closes. */
const maxClosed = 1000;

/** Which reports to resolve or dismiss: some by their numbers, or all pending ones about one user. */
const closeArguments = {
  items: positional('item', 'Report numbers', {
    many: true,
    min: 1,
    placeholder: 'ID',
    unless: ['sender'],
  }),
  sender: flag('user', 'Instead of numbers: all open or claimed reports about this user'),
  note: flag('text', 'Note to keep with the report (default: the reason)'),
} as const;

/** The items with these numbers. @throws TargetError one of them doesn't exist */
export async function findItems(
  { services, prefix }: Caller,
  ids: readonly number[],
): Promise<ReportItem[]> {
  const items: ReportItem[] = [];
  for (const id of ids) {
    const item = await services.reports.get(id);
    if (item === undefined) {
      throw new TargetError(
        'unknown',
        `there is no report #${id}`,
        `Nothing was changed. See \`${prefix}reports\`.`,
      );
    }
    items.push(item);
  }
  return items;
}

/** Moves items to a state, all or none. @returns the items as they were before */
export async function moveItems(
  { services, actor, origin, now }: Caller,
  items: readonly ReportItem[],
  to: { readonly state: ItemState; readonly note?: string | undefined },
): Promise<readonly ReportItem[]> {
  await services.reports.move(
    items.map(({ id }) => id),
    {
      ...to,
      by: actorName(actor),
      // Their cards show it. A message in each of so many threads would flood the room.
      isShown: origin.thread !== undefined || items.length > maxNumbers,
    },
    now,
  );
  return items;
}

type CloseContext = Context<typeof closeArguments>;
type ClosedState = 'resolved' | 'dismissed';

/** What `resolve` and `dismiss` share: all but their names, texts and the state of the reports. */
export function closingBy(did: string, state: ClosedState) {
  return {
    args: closeArguments,
    danger: 'change',
    run: async (context: CloseContext) => closeItems(context, state),
    answer: ({ args }: CloseContext, items: readonly ReportItem[]) =>
      closedAnswer(did, args, items),
    undo: (_: unknown, items: readonly ReportItem[]) => reopenLine(items),
    reconcile: async (context: CloseContext) => reconcileClosing(context, state),
  } as const;
}

/** What closing reports does, whichever way. */
export const closesBySender =
  'with --sender: close all pending reports about one user, for example after a raid';

/**
 * @returns the items as they were before
 * @throws TargetError an item doesn't exist or is in this state already, or none is pending
 */
async function closeItems(
  context: CloseContext,
  state: ClosedState,
): Promise<readonly ReportItem[]> {
  const { args, services, reason } = context;
  const { sender, note = reason } = args;
  const items =
    sender === undefined
      ? await findItems(context, args.items)
      : await services.reports.pendingAbout(sender, maxClosed);
  if (items.length === 0) {
    throw new TargetError('unknown', `there are no open reports about ${sender}`);
  }
  const closed = items.find((item) => item.state === state);
  if (closed !== undefined) {
    throw new TargetError('state', `#${closed.id} is already ${state}`, 'Nothing was changed.');
  }
  const oldestFirst = items.toSorted((one, other) => one.id - other.id);
  return moveItems(context, oldestFirst, { state, note });
}

async function reconcileClosing(
  { args: { items, sender }, services }: CloseContext,
  state: ClosedState,
): Promise<'done' | 'not_done'> {
  return sender === undefined
    ? services.reports.reconcileMove(items, state)
    : services.reports.reconcileClosing(sender);
}

/** `Claimed #12: a message by …`, or the number of reports if there are many. */
export function movedAnswer(
  did: string,
  items: readonly ReportItem[],
  options: {
    readonly note?: string | undefined;
    readonly next: readonly string[];
    /** All items are about this user. */
    readonly sender?: UserId | undefined;
  },
): Answer {
  const { note, next, sender } = options;
  const [only] = items;
  const numbers = items.map(({ id }) => `#${id}`).join(' ');
  const many = count(items.length, 'report');
  const about: Inline[] = sender === undefined ? [] : [' about ', code(sender)];
  return {
    mark: '✅',
    title:
      items.length > maxNumbers
        ? [bold(`${did} ${many}`), ...about]
        : [
            bold(`${did} ${numbers}`),
            ': ',
            ...(only !== undefined && items.length === 1 ? whatIsReported(only) : [many, ...about]),
          ],
    body: note === undefined ? [] : [line('Note: ', withoutLinks(note))],
    next,
    data: { items: items.map(({ id }) => id) },
  };
}

function closedAnswer(
  did: string,
  { sender, note }: CloseContext['args'],
  items: readonly ReportItem[],
): Answer {
  const next =
    items.length <= maxNumbers
      ? [reopenLine(items)]
      : sender === undefined
        ? []
        : [`reports --sender ${idWord(sender)}`];
  return movedAnswer(did, items, { note, sender, next });
}

/** The command line that reopens them. */
function reopenLine(items: readonly ReportItem[]): string {
  return `reopen ${items.map(({ id }) => id).join(' ')}`;
}
