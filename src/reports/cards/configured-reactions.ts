import { z } from 'zod';

import { plainEmoji } from '../../core/emoji.ts';
import { TargetError } from '../../core/errors.ts';
import type { CardReactions } from '../../operations/answer/card.ts';
import type { Settings } from '../../operations/settings.ts';
import type { Store } from '../../store/store.ts';
import { isClosed } from '../../store/tables/reports/report-items.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import type { SyncState } from '../../store/tables/sync-state.ts';
import {
  actionLine,
  defaultActions,
  isPossibleAbout,
  reportReactions,
  whyNotAbout,
} from './card-actions.ts';
import type { CardAction } from './card-actions.ts';
import { offeredSince } from './reactions.ts';

/** A reaction on a card, and what it does in a word or two. */
export interface OfferedReaction {
  readonly emoji: string;
  readonly label: string;
}

/** The reactions on cards, as they are configured. */
export interface ConfiguredReactions extends CardReactions {
  /** What the card of an item offers while the item is not closed, in order. */
  offeredOn(item: ReportItem): OfferedReaction[];
  /** When the configuration last changed, in milliseconds since 1970: older cards may show something else. */
  readonly changedAt: number;
}

/** What a reaction stands for, and since when. */
interface Meaning {
  /** Null if it stands for nothing any more. */
  readonly line: string | null;
  /** Milliseconds since 1970; 0 if that was always so. */
  readonly since: number;
}

const stateName = 'reports.actions';

/**
 * Offers the configured actions, and tells what a reaction on a card stands for. A card that was posted under
 * another configuration is not misread: it shows something else, so it is renewed, and nothing is done.
 */
export async function openConfiguredReactions(
  context: {
    readonly store: Pick<Store, 'outbox' | 'reportCards' | 'reportItems' | 'reports' | 'syncState'>;
    readonly settings: Pick<Settings, 'prefix'>;
    now(): number;
    /** A card is to be renewed. */
    wakeReports(): void;
  },
  actions: readonly CardAction[],
): Promise<ConfiguredReactions> {
  const { store, settings } = context;
  const byEmoji = new Map(actions.map((action) => [plainEmoji(action.emoji), action]));
  const meanings = await updateMeanings(store.syncState, byEmoji, context.now());
  const changedAt = Math.max(0, ...[...meanings.values()].map(({ since }) => since));

  /** @throws TargetError the card shows something else */
  async function assertShown(
    { id, key, sentAt }: { readonly id: number; readonly key: string; readonly sentAt: number },
    action: CardAction | undefined,
  ) {
    const offeredAt = await offeredSince(store.outbox, id);
    const since = meanings.get(plainEmoji(key))?.since ?? 0;
    // A tap may be older than what the card shows by now.
    if (since === 0 || (sentAt >= since && offeredAt !== undefined && offeredAt >= since)) {
      return;
    }
    const item = await store.reportItems.get(id);
    if (
      action !== undefined &&
      offeredAt === undefined &&
      item !== undefined &&
      isClosed(item.state)
    ) {
      throw new TargetError(
        'state',
        `#${id} is already ${item.state}, so its card does not offer ${key}`,
        `Nothing was changed. Reply to the card with the command, or open it again: \`${settings.prefix}reopen ${id}\``,
      );
    }
    await store.reportCards.renew(id);
    context.wakeReports();
    if (action === undefined) {
      throw new TargetError(
        'state',
        `${key} no longer stands for a command`,
        'The configuration has changed since this card was posted. The card now shows what you can tap.',
      );
    }
    throw new TargetError(
      'state',
      `${key} stands for \`${settings.prefix}${action.template.text}\` now`,
      `The configuration has changed since this card was posted. Nothing was changed. If you mean that, tap ${key} again.`,
    );
  }

  return {
    changedAt,

    isKnown: (key) => reportReactions.has(plainEmoji(key)) || meanings.has(plainEmoji(key)),

    offeredOn(item) {
      const own = [...reportReactions].map(([emoji, label]) => ({ emoji, label }));
      const offered = actions.filter(
        (action) => isPossibleAbout(action, item) && whyNotAbout(action, item) === undefined,
      );
      return [...own.slice(0, 1), ...offered, ...own.slice(1)];
    },

    async lineOn(id, key, sentAt) {
      const own = reportReactions.get(plainEmoji(key));
      if (own !== undefined) {
        return own;
      }
      const action = byEmoji.get(plainEmoji(key));
      await assertShown({ id, key, sentAt }, action);
      if (action === undefined) {
        return undefined;
      }
      const item = await store.reportItems.get(id);
      if (item === undefined) {
        throw new TargetError('unknown', `report #${id} is not in my database`);
      }
      const why = whyNotAbout(action, item);
      if (why !== undefined) {
        throw new TargetError('state', `${key} is not for this report: ${why}`);
      }
      const last = (await store.reports.ofItem(id)).at(-1);
      return actionLine(action, item, { reporter: last?.reporter, now: context.now() });
    },
  };
}

/** Compares the actions with those of the last start, and remembers them. */
async function updateMeanings(
  state: Pick<SyncState, 'get' | 'set'>,
  actions: ReadonlyMap<string, CardAction>,
  now: number,
): Promise<ReadonlyMap<string, Meaning>> {
  const stored = await state.get(stateName);
  const before = stored === undefined ? undefined : readMeanings(stored);
  const earlier =
    before ??
    new Map(
      [...defaultActions].map(([emoji, line]): [string, Meaning] => [emoji, { line, since: 0 }]),
    );
  const meanings = new Map<string, Meaning>();
  for (const emoji of new Set([...earlier.keys(), ...actions.keys()])) {
    const line = actions.get(emoji)?.template.text ?? null;
    const known = earlier.get(emoji);
    meanings.set(emoji, known?.line === line ? known : { line, since: now });
  }
  const written = JSON.stringify([...meanings]);
  if (written !== stored) {
    await state.set(stateName, written);
  }
  return meanings;
}

const storedMeanings = z.array(
  z.tuple([z.string(), z.object({ line: z.string().nullable(), since: z.number() })]),
);

/** Undefined if they can't be read: the file was damaged. */
function readMeanings(stored: string): Map<string, Meaning> | undefined {
  try {
    return new Map(storedMeanings.parse(JSON.parse(stored)));
  } catch {
    return undefined;
  }
}
