import { hourMs } from '../../core/duration.ts';
import { LawspeakerError, codeOf, isRefusedForGood } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { reasonOf } from '../../core/system-error.ts';
import type { Store } from '../../store/store.ts';
import type { FormerWitness, Witness } from '../../store/witness.ts';
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
  const loss = await lossOf(context, alarms, witness);
  // The database remembers this: whoever changes it could make the bot forget the place itself.
  const name = `audit_former ${witness.place}`;
  const state = loss === undefined ? 'compared' : 'lost';
  if (newest === undefined || (await store.syncState.get(name)) === state) {
    return;
  }
  if (loss !== undefined || !(await isReplaced(witnesses, witness))) {
    await alarms.former(witness, newest, loss);
  }
  await store.syncState.set(name, state);
}

/**
 * @returns why the heads can't be compared
 * @throws Error they can't be read now
 */
async function lossOf(
  context: FormerHeadsContext,
  alarms: Pick<AnchorAlarms, 'misfit'>,
  witness: FormerWitness,
): Promise<string | undefined> {
  try {
    const reading = await witness.read('newest');
    const misfit = await misfitIn(context.store, reading, await restorationOf(context));
    if (misfit !== undefined) {
      await alarms.misfit(witness, misfit);
    }
    return reading.heads.length === 0 ? 'they are gone' : undefined;
  } catch (error) {
    const isLasting =
      witness.kind === 'file' ? error instanceof LawspeakerError : isRefusedForGood(error);
    if (!isLasting) {
      throw error;
    }
    return reasonOf(error);
  }
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
