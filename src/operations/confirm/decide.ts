import { ago } from '../../chat/answers/phrases.ts';
import type { Registry } from '../../chat/command/declaration.ts';
import { shortLine } from '../../chat/command/write-invocation.ts';
import {
  DeniedError,
  HomeserverError,
  LawspeakerError,
  StoreError,
  TargetError,
  UnreachableError,
} from '../../core/errors.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import type { Decided } from '../../services/bot/bot-operations.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { Confirmation } from '../../store/tables/operations/confirmations.ts';
import { postRefusal } from '../answer/refusal.ts';
import type { PostRefusalContext } from '../answer/refusal.ts';
import { post, withdrawReactions } from '../answer/reply.ts';
import { authorize, requireRole } from '../authorize/authorize.ts';
import type { AuthorizeContext } from '../authorize/authorize.ts';
import { execute } from '../execute/execute.ts';
import type { ExecuteContext } from '../execute/execute.ts';
import { plannedOperation } from '../execute/operation-field.ts';
import { nameOf } from '../management-room.ts';
import { assertNotOwn } from '../parse/decision-word.ts';
import type { Settings } from '../settings.ts';
import { parsedOf, targetsOf } from '../stages.ts';
import type { Parsed } from '../stages.ts';
import { policyOf, start } from './confirm.ts';
import type { StartContext } from './confirm.ts';
import { decidedOf } from './correct-decision.ts';
import { droppedReply, expire } from './drop-confirmation.ts';
import type { ExpireContext } from './drop-confirmation.ts';
import { findConfirmation } from './find-confirmation.ts';
import type { FindContext } from './find-confirmation.ts';
import { resolveAgain } from './preview.ts';
import type { ResolveAgainContext } from './preview.ts';
import { isForLater, schedule } from './schedule.ts';
import type { ScheduleContext } from './schedule.ts';

/** What dropping a confirmation needs. */
type CancelContext = ExpireContext & { readonly store: Pick<Store, 'confirmations'> };

/** What carrying out a confirmed command needs. */
type CarryOutContext = AuthorizeContext &
  ResolveAgainContext &
  ScheduleContext &
  StartContext &
  ExecuteContext &
  PostRefusalContext &
  CancelContext & { readonly settings: Pick<Settings, 'confirmation'> };

interface DecidedBeforeContext {
  readonly store: Pick<Store, 'auditLog' | 'operations'>;
  readonly registry: Pick<Registry, 'find'>;
}

export type DecideContext = CarryOutContext & DecidedBeforeContext;

export interface Decision {
  readonly decision: 'confirm' | 'cancel';
  readonly by: UserId;
  /** The command or reaction that decides. */
  readonly event: EventId;
}

/**
 * Finds the confirmation that a `confirm` or `cancel` is about, and decides about it.
 *
 * @throws TargetError there is no such confirmation, or it is not clear which
 * @throws the errors of `decideConfirmation`
 */
export async function decide(
  context: FindContext & DecideContext,
  request: Decision & { readonly code: string | undefined },
): Promise<Decided> {
  return decideConfirmation(context, await findConfirmation(context, request), request);
}

/**
 * Decides about a confirmation: carries the command out, or drops it.
 *
 * @throws TargetError it is already decided, or has expired
 * @throws DeniedError this person may not decide about it
 * @throws the errors of the stages, if the target has changed in the meantime
 */
export async function decideConfirmation(
  context: DecideContext,
  confirmation: Confirmation,
  { decision, by, event }: Decision,
): Promise<Decided> {
  assertNotOwn(context.settings, by);
  const parsed = parsedOf(context, confirmation);
  if (confirmation.decisionEventId === event) {
    return decidedBefore(context, confirmation);
  }
  await assertUndecided(context, confirmation);
  requireRole(context, parsed, by);
  return decision === 'cancel'
    ? cancel(context, confirmation, parsed, { by, event })
    : carryOut(context, confirmation, parsed, { by, event });
}

async function cancel(
  context: CancelContext,
  confirmation: Confirmation,
  parsed: Parsed,
  { by, event }: Omit<Decision, 'decision'>,
): Promise<Decided> {
  const won = await context.store.transaction(async (tables) => {
    const isFirst = await tables.confirmations.decide(
      confirmation.id,
      'cancelled',
      { user: by, eventId: event },
      context.now(),
    );
    if (isFirst) {
      const reply = droppedReply(context, parsed, confirmation.id, 'cancelled', by);
      const { origin } = parsed.invocation;
      await post(context, tables, 'outcome', { kind: 'edit', origin, reply });
      await withdrawReactions(context, tables, origin);
    }
    return isFirst;
  });
  if (!won) {
    await assertNotDecidedByOther(context, confirmation);
  }
  context.deliver(confirmation.eventId);
  return cancelledDecision(confirmation, parsed);
}

function cancelledDecision(
  confirmation: Confirmation,
  { command, invocation }: Pick<Parsed, 'command' | 'invocation'>,
): Decided {
  return {
    command: confirmation.command,
    code: confirmation.code,
    outcome: 'cancelled',
    headline: `Cancelled: ${shortLine(command, invocation)}`,
    audit: [],
    operation: confirmation.id,
  };
}

async function carryOut(
  context: CarryOutContext,
  confirmation: Confirmation,
  parsed: Parsed,
  { by, event }: Omit<Decision, 'decision'>,
): Promise<Decided> {
  assertMayDecide(context, confirmation, parsed, by);
  const cause = async ({ confirmations }: StoreTables) =>
    confirmations.decide(confirmation.id, 'confirmed', { user: by, eventId: event }, context.now());
  let confirmed;
  let scheduled;
  try {
    const resolved = await resolveAgain(context, authorize(context, parsed));
    if (isForLater(context, resolved)) {
      scheduled = await schedule(context, resolved, by, cause);
    } else {
      confirmed = await start(context, resolved, by, cause);
    }
  } catch (error) {
    await dropImpossible(context, confirmation, parsed, error, { by, event });
    throw error;
  }
  if (scheduled !== undefined) {
    return decidedOf(confirmation, scheduled);
  }
  if (confirmed === undefined) {
    await assertNotDecidedByOther(context, confirmation);
    throw new TargetError('state', `${confirmation.code} was already decided`);
  }
  return decidedOf(confirmation, await execute(context, confirmed));
}

/** @throws DeniedError this person may not confirm it */
function assertMayDecide(
  context: Pick<CancelContext, 'members'> & { readonly settings: Pick<Settings, 'confirmation'> },
  confirmation: Confirmation,
  parsed: Parsed,
  by: UserId,
): void {
  if (parsed.invocation.actor.kind === 'rule') {
    // No person has asked for it: anybody with the role decides.
    return;
  }
  const policy = policyOf(parsed, context.settings);
  const asker = confirmation.requester as UserId;
  // If it was asked only because targets were left out, its policy is `none`: the person who asked confirms
  // it.
  if (policy !== 'other' && by !== asker) {
    throw new DeniedError(
      `only ${nameOf(context.members, asker)}, who asked, can confirm ${confirmation.code}`,
    );
  }
  if (policy === 'other' && by === asker) {
    throw new DeniedError(`somebody other than you must confirm ${confirmation.code}`);
  }
}

/** Drops a confirmation that can't be carried out any more: its target is gone, for example. */
async function dropImpossible(
  context: PostRefusalContext & CancelContext,
  confirmation: Confirmation,
  parsed: Parsed,
  error: unknown,
  { by, event }: Omit<Decision, 'decision'>,
): Promise<void> {
  if (
    !(error instanceof LawspeakerError) ||
    error instanceof UnreachableError ||
    error instanceof StoreError ||
    (error instanceof HomeserverError && error.isTemporary)
  ) {
    // It can be confirmed again.
    return;
  }
  await context.store.transaction(async (tables) => {
    if (
      await tables.confirmations.decide(
        confirmation.id,
        'cancelled',
        { user: by, eventId: event },
        context.now(),
      )
    ) {
      const { origin } = parsed.invocation;
      const { name: command } = parsed.command;
      const operation = plannedOperation(parsed, confirmation.id, 'cancelled');
      await postRefusal(context, tables, { command, origin, parsed, operation, error }, 'edit');
      await withdrawReactions(context, tables, origin);
    }
  });
  context.deliver(confirmation.eventId);
}

async function assertNotDecidedByOther(
  context: CancelContext,
  confirmation: Confirmation,
): Promise<void> {
  const now = await context.store.confirmations.byEvent(confirmation.eventId);
  await assertUndecided(context, now ?? confirmation);
}

/** How an operation ended, from how its targets ended. */
function outcomeIn(statuses: ReadonlySet<string>): Decided['outcome'] {
  const [only] = statuses;
  if (statuses.size > 1) {
    return statuses.has('done') || statuses.has('partial') ? 'partial' : 'unknown';
  }
  return only === 'done' || only === 'failed' || only === 'partial' || only === 'running'
    ? only
    : 'unknown';
}

/** The result of a decision that is handled again after a crash, from the audit log. */
async function decidedBefore(
  context: DecidedBeforeContext,
  confirmation: Confirmation,
): Promise<Decided> {
  const { command, invocation } = parsedOf(context, confirmation);
  const operation = await context.store.operations.get(confirmation.id);
  if (operation?.state === 'scheduled') {
    return {
      command: confirmation.command,
      code: confirmation.code,
      outcome: 'scheduled',
      headline: `Scheduled: ${shortLine(command, invocation)}`,
      audit: [],
      operation: confirmation.id,
    };
  }
  if (operation?.state === 'cancelled') {
    return cancelledDecision(confirmation, { command, invocation });
  }
  const entries = await context.store.auditLog.search({
    eventId: confirmation.eventId,
    limit: 10_000,
  });
  const statuses = new Set(entries.map(({ status }) => status));
  if (targetsOf({ command, invocation }).length > entries.length) {
    // The others have no intent, so they were not started.
    statuses.add('failed');
  }
  return {
    command: confirmation.command,
    code: confirmation.code,
    outcome: outcomeIn(statuses),
    headline: shortLine(command, invocation),
    audit: entries.map(({ id }) => id).reverse(),
    operation: confirmation.id,
  };
}

/** @throws TargetError the confirmation is already decided, or has expired */
async function assertUndecided(context: ExpireContext, confirmation: Confirmation): Promise<void> {
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
