import { hourMs } from '../../core/duration.ts';
import { LawspeakerError, codeOf, isRefusedForGood } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { reasonOf } from '../../core/system-error.ts';
import type { Store } from '../../store/store.ts';
import type { Anchor } from '../../store/tables/audit/anchor.ts';
import type { FormerWitness, Gone, Witness, WrittenHead } from '../../store/witness.ts';
import type { AnchorAlarms } from './anchor-alarms.ts';
import { misfitIn, restorationOf } from './compare-heads.ts';
import type { CompareHeadsContext } from './compare-heads.ts';

export type FormerHeadsContext = CompareHeadsContext & {
  readonly store: Pick<Store, 'anchor' | 'auditLog' | 'syncState'>;
  readonly log: Pick<Log, 'warn'>;
  readonly witnesses: readonly Witness[];
  formerWitnesses(): Promise<readonly FormerWitness[]>;
};

/** A place is compared this often even if there is nothing new. */
export const compareEveryMs = hourMs;

/**
 * Goes on comparing the log with heads in places where they are not written any more: they prove what they
 * proved before. The admins are told once of each place, and once more if it can't be read any longer.
 *
 * @returns a function to be called often. It does nothing most of the time
 */
export function createFormerComparison(
  context: FormerHeadsContext,
  alarms: Pick<AnchorAlarms, 'former' | 'misfit'>,
): () => Promise<void> {
  /** On the bot's clock. */
  let nextLook = 0;
  return async () => {
    const now = context.now();
    if (now < nextLook && nextLook - now <= compareEveryMs) {
      return;
    }
    nextLook = now + compareEveryMs;
    for (const witness of await context.formerWitnesses()) {
      try {
        await compare(context, alarms, witness);
      } catch (error) {
        context.log.warn(
          { code: codeOf(error), place: witness.place },
          'the former heads of the audit log could not be compared',
        );
      }
    }
  };
}

async function compare(
  context: FormerHeadsContext,
  alarms: Pick<AnchorAlarms, 'former' | 'misfit'>,
  witness: FormerWitness,
): Promise<void> {
  const { store, witnesses } = context;
  const newest = await store.anchor.get(witness.place);
  if (newest === undefined) {
    return;
  }
  const { heads, loss } = await readFormer(witness, newest);
  const misfit = await misfitIn(store, { heads }, await restorationOf(context));
  if (misfit !== undefined) {
    await alarms.misfit(witness, misfit);
  }
  // The database remembers this: whoever changes it could make the bot forget the place itself.
  const name = `audit_former ${witness.place}`;
  const state = loss === undefined ? 'compared' : 'lost';
  if ((await store.syncState.get(name)) === state) {
    return;
  }
  if (await isNamedLast(context, newest)) {
    return;
  }
  if (loss !== undefined || !(await isReplaced(witnesses, witness))) {
    await alarms.former(witness, newest, loss);
  }
  await store.syncState.set(name, state);
}

/**
 * The newest head in former places, if it can't be compared any more: a new place begins without its proof, and has
 * to say so. If it can, the new place proves as much from its first head on, whatever becomes of the former one.
 *
 * @throws Error it can't be read now
 */
export async function lostFormerHead({
  store,
  formerWitnesses,
}: Pick<FormerHeadsContext, 'formerWitnesses' | 'store'>): Promise<Gone | undefined> {
  let latest: { readonly witness: FormerWitness; readonly newest: Anchor } | undefined;
  for (const witness of await formerWitnesses()) {
    const newest = await store.anchor.get(witness.place);
    if (newest !== undefined && newest.at > (latest?.newest.at ?? -1)) {
      latest = { witness, newest };
    }
  }
  if (latest === undefined) {
    return undefined;
  }
  const { loss } = await readFormer(latest.witness, latest.newest);
  return loss === undefined ? undefined : { count: latest.newest.count, at: latest.newest.at };
}

/**
 * @returns the newest heads there, and why they can't be compared
 * @throws Error they can't be read now
 */
async function readFormer(
  witness: FormerWitness,
  newest: Anchor,
): Promise<{ readonly heads: readonly WrittenHead[]; readonly loss: string | undefined }> {
  try {
    const { heads } = await witness.read('newest');
    const isThere = heads.some(({ count: rows }) => rows >= newest.count);
    return { heads, loss: isThere ? undefined : 'the newest one is gone' };
  } catch (error) {
    const isLasting =
      witness.kind === 'file' ? error instanceof LawspeakerError : isRefusedForGood(error);
    if (!isLasting) {
      throw error;
    }
    return { heads: [], loss: reasonOf(error) };
  }
}

/** Whether this is the newest head of an alias: it can't be looked up now, and probably still names that room. */
async function isNamedLast(
  { store, witnesses }: Pick<FormerHeadsContext, 'store' | 'witnesses'>,
  newest: Anchor,
): Promise<boolean> {
  for (const { place, findRoom } of witnesses) {
    const own = findRoom === undefined ? undefined : await store.anchor.get(place);
    if (own?.at === newest.at && own.head === newest.head) {
      return true;
    }
  }
  return false;
}

/** Whether the management room has replaced this one: people know of that. */
async function isReplaced(
  witnesses: readonly Witness[],
  { place }: FormerWitness,
): Promise<boolean> {
  const room = witnesses.find(({ kind }) => kind === 'management-room');
  const { olderRooms = [] } = (await room?.read('all')) ?? {};
  return olderRooms.includes(place);
}
