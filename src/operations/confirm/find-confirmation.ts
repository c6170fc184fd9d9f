import { bold, code, line } from '../../chat/answers/answer.ts';
import { ago, dateTime } from '../../chat/answers/phrases.ts';
import type { Registry } from '../../chat/command/declaration.ts';
import { shortLine } from '../../chat/command/write-invocation.ts';
import { TargetError } from '../../core/errors.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import type { Confirmation } from '../../store/tables/confirmations.ts';
import { post, withdrawReactions } from '../answer/reply.ts';
import type { DeliverContext, Reply } from '../answer/reply.ts';
import { isStale } from '../answer/stale.ts';
import type { StaleContext } from '../answer/stale.ts';
import { plannedOperation } from '../execute/operation-field.ts';
import { askerName, nameOf } from '../management-room.ts';
import type { Members } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import type { Parsed } from '../stages.ts';
import { parsedOf, readInvocation } from '../stages.ts';

interface ChoicesContext {
  readonly registry: Pick<Registry, 'find'>;
  readonly settings: Pick<Settings, 'prefix'>;
}

/** What finding a confirmation needs. */
export interface FindContext extends ChoicesContext {
  readonly store: Pick<Store, 'confirmations' | 'dataLoss'>;
  now(): number;
}

interface DroppedContext {
  readonly members: Pick<Members, 'displayName'>;
  readonly settings: Pick<Settings, 'prefix'>;
}

/** What ending a confirmation that has expired needs. */
export type ExpireContext = DroppedContext &
  DeliverContext & { readonly registry: Pick<Registry, 'find'> };

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
    const asker =
      invocation?.actor.kind === 'person' ? invocation.actor.user : confirmation.requester;
    return `\`${prefix}${decision} ${confirmation.code}\`: \`${about}\`, asked by \`${asker.replaceAll('`', '’')}\``;
  });
  const rest = confirmations.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more: \`${prefix}pending\``] : [])].join('\n');
}

/** @throws TargetError the confirmation is already decided, or has expired */
export async function assertUndecided(
  context: ExpireContext,
  confirmation: Confirmation,
): Promise<void> {
  if (confirmation.state === 'pending' && confirmation.expiresAt > context.now()) {
    return;
  }
  if (confirmation.state === 'pending') {
    await expire(context, confirmation);
  }
  const how = confirmation.state === 'pending' ? 'expired' : confirmation.state;
  const who =
    confirmation.decidedBy === null
      ? ''
      : ` by ${nameOf(context.members, confirmation.decidedBy as UserId)}`;
  throw new TargetError(
    'state',
    how === 'expired'
      ? `${confirmation.code} expired ${ago(confirmation.expiresAt, context.now())}`
      : `${confirmation.code} was already ${how}${who}`,
    how === 'confirmed'
      ? 'Each confirmation runs once.'
      : 'Resend the command if you still want it.',
  );
}

/** Ends a confirmation that nobody has decided in time. */
export async function expire(context: ExpireContext, confirmation: Confirmation): Promise<void> {
  const parsed = parsedOf(context, confirmation);
  const { origin } = parsed.invocation;
  await context.store.transaction(async (tables) => {
    if (await tables.confirmations.decide(confirmation.id, 'expired', undefined, context.now())) {
      const reply = droppedReply(context, parsed, confirmation.id, 'expired', undefined);
      await post(context, tables, 'outcome', { kind: 'edit', origin, reply });
      await withdrawReactions(context, tables, origin);
    }
  });
  context.deliver(confirmation.eventId);
}

/**
 * The text that replaces a confirmation that was cancelled or has expired, or a scheduled operation that was
 * cancelled.
 *
 * @param id the number of the operation
 */
export function droppedReply(
  context: DroppedContext,
  { command, invocation }: Parsed,
  id: number,
  status: 'cancelled' | 'expired',
  by: UserId | undefined,
): Reply {
  const { actor } = invocation;
  const asker = askerName(context.members, actor);
  return {
    command: command.name,
    status,
    audit: [],
    operation: plannedOperation({ command, invocation }, id, status),
    answer: {
      mark: '❌',
      title: [
        bold(status === 'cancelled' ? 'Cancelled: ' : 'Expired: '),
        code(`${context.settings.prefix}${shortLine(command, invocation)}`),
      ],
      body: [
        line(
          `Asked by ${asker}${by === undefined ? ', confirmed by nobody' : `, cancelled by ${nameOf(context.members, by)}`}. Nothing was changed.`,
        ),
      ],
    },
  };
}

/** This can't be decided yet: handle the message again when `after` resolves. */
export interface Later {
  readonly after: Promise<void>;
}

export function isLater(value: object): value is Later {
  return 'after' in value;
}

interface KnownContext {
  readonly store: Pick<Store, 'confirmations' | 'outbox'>;
}

export type AskedContext = KnownContext &
  StaleContext & {
    /** Resolves when the next message of the outbox is sent or given up, or after a while. */
    delivered(): Promise<void>;
  };

/**
 * The confirmation that an event of the bot asks for; undefined if it asks for none.
 *
 * People can decide before the bot knows that the confirmation has arrived: after a crash, or if the
 * homeserver's response was lost or is slow. While that is possible, a decision waits, unless it is stale.
 */
export async function confirmationAskedBy(
  context: AskedContext,
  event: EventId,
  decision: { readonly sentAt: number },
): Promise<Confirmation | Later | undefined> {
  const known = await knownConfirmation(context, event);
  if (known !== undefined || isStale(context, decision)) {
    return known;
  }
  // Called before the check, so that no delivery is missed in between.
  const after = context.delivered();
  return (await isOneOnItsWay(context)) ? { after } : knownConfirmation(context, event);
}

async function knownConfirmation(
  context: KnownContext,
  event: EventId,
): Promise<Confirmation | undefined> {
  const asked = await context.store.outbox.commandOf(event);
  return asked === undefined ? undefined : context.store.confirmations.byEvent(asked);
}

/** Whether there is a pending confirmation that may not have arrived in the room yet. */
async function isOneOnItsWay({ store: { confirmations, outbox } }: KnownContext): Promise<boolean> {
  for (const { eventId } of await confirmations.pending()) {
    if (await outbox.isPending(eventId, 'answer')) {
      return true;
    }
  }
  return false;
}
