import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer, Inline } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { whatIsReported } from '../../chat/answers/report-item.ts';
import { withoutLinks } from '../../chat/answers/untrusted-text.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { actorName } from '../../chat/command/invocation.ts';
import { TargetError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { ItemState, ReportItem } from '../../services/services.ts';

type Caller = Pick<Context, 'services' | 'actor' | 'origin' | 'now' | 'prefix'>;

/** So many numbers are said one by one. */
export const maxNumbers = 10;

/** The items that these numbers name. @throws TargetError one of them is no item */
export async function itemsNumbered(
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
        `Nothing was changed. \`${prefix}reports\` lists those that there are.`,
      );
    }
    items.push(item);
  }
  return items;
}

/** Moves items to a state, all or none; returns them as they were before. */
export async function moveItems(
  caller: Caller,
  items: readonly ReportItem[],
  to: { readonly state: ItemState; readonly note?: string | undefined },
): Promise<readonly ReportItem[]> {
  const { services, actor, origin, now } = caller;
  await services.reports.move(
    items.map(({ id }) => id),
    {
      ...to,
      by: actorName(actor),
      // Their cards say it; a note in each of so many threads would bury the room.
      isShown: origin.thread !== undefined || items.length > maxNumbers,
    },
    now,
  );
  return items;
}

/** `Claimed #12: a message of …`, or how many. */
export function movedAnswer(
  did: string,
  items: readonly ReportItem[],
  options: {
    readonly note?: string | undefined;
    readonly next: readonly string[];
    /** All are about this user. */
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

/** Whether all items are in this state: they are moved in one transaction. */
export async function reconcileMove(
  { services }: Pick<Context, 'services'>,
  ids: readonly number[],
  state: ItemState,
): Promise<'done' | 'not_done'> {
  const items = await Promise.all(ids.map(async (id) => services.reports.get(id)));
  return items.every((item) => item?.state === state) ? 'done' : 'not_done';
}
