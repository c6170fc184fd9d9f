import { dateTime } from '../../chat/answers/phrases.ts';
import type { Registry } from '../../chat/command/declaration.ts';
import { shortLine } from '../../chat/command/write-invocation.ts';
import { TargetError } from '../../core/errors.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import type { Confirmation } from '../../store/tables/operations/confirmations.ts';
import type { Settings } from '../settings.ts';
import { readInvocation } from '../stages.ts';

interface ChoicesContext {
  readonly registry: Pick<Registry, 'find'>;
  readonly settings: Pick<Settings, 'prefix'>;
}

/** What finding a confirmation needs. */
export interface FindContext extends ChoicesContext {
  readonly store: Pick<Store, 'confirmations' | 'dataLoss'>;
  now(): number;
}

/**
 * The confirmation with this code; without a code, the only pending one that this person has asked for.
 *
 * @throws TargetError there is none, or more than one
 */
export async function findConfirmation(
  context: FindContext,
  {
    code,
    by,
    event,
    decision,
  }: {
    code: string | undefined;
    by: UserId;
    event: EventId;
    decision: 'confirm' | 'cancel';
  },
): Promise<Confirmation> {
  const { confirmations, dataLoss } = context.store;
  // A decision that is handled again after a crash belongs to the confirmation that it decided.
  const decided = await confirmations.byDecisionEvent(event);
  if (decided !== undefined) {
    return decided;
  }
  const seeAll = `See \`${context.settings.prefix}pending\`.`;
  if (code !== undefined) {
    const plain = code.replaceAll(/[^\p{L}\p{N}]/gu, '');
    const confirmation = await confirmations.byCode(plain);
    if (confirmation === undefined) {
      const loss = await dataLoss.get();
      throw new TargetError(
        'unknown',
        `there is no confirmation with the code ${code.slice(0, 40)}`,
        loss === undefined
          ? seeAll
          : `If it is from before ${dateTime(loss.foundAt)}, when my database was restored or lost, resend the command. ${seeAll}`,
      );
    }
    return confirmation;
  }
  const pending = await confirmations.pending();
  const all = pending.filter(({ expiresAt }) => expiresAt > context.now());
  const own = all.filter(({ requester }) => requester === by);
  const [only] = own;
  const expired = pending.findLast(({ requester }) => requester === by);
  if (only === undefined && expired !== undefined) {
    // It has expired but is not marked as expired yet: the caller marks it and says so.
    return expired;
  }
  if (only !== undefined && own.length === 1) {
    return only;
  }
  if (only !== undefined) {
    throw new TargetError(
      'state',
      `you have ${own.length} pending confirmations; which one?`,
      choices(context, own, decision),
    );
  }
  throw new TargetError(
    'unknown',
    'you have nothing to confirm',
    all.length === 0 ? seeAll : choices(context, all, decision),
  );
}

/** At most this many are shown; `pending` lists all. */
const maxChoices = 8;

/** A line for each confirmation: the command to send, and what it is about. */
function choices(
  { registry, settings: { prefix } }: ChoicesContext,
  confirmations: readonly Confirmation[],
  decision: 'confirm' | 'cancel',
): string {
  const shown = confirmations.slice(0, maxChoices).map((confirmation) => {
    const command = registry.find(confirmation.command);
    const invocation = readInvocation(confirmation.invocation);
    const what =
      command === undefined || invocation === undefined
        ? confirmation.command
        : shortLine(command, invocation);
    const about = what.replaceAll('`', '’');
    const notBefore = invocation?.notBefore;
    const later = notBefore === undefined ? '' : ` at ${dateTime(notBefore)}`;
    const asker =
      invocation?.actor.kind === 'person' ? invocation.actor.user : confirmation.requester;
    return `\`${prefix}${decision} ${confirmation.code}\`: \`${about}\`${later}, asked by \`${asker.replaceAll('`', '’')}\``;
  });
  const rest = confirmations.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more: \`${prefix}pending\``] : [])].join('\n');
}
