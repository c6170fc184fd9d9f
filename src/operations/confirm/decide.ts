import { decidedAnswer } from '../../chat/answers/decided.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import {
  DeniedError,
  LawspeakerError,
  StoreError,
  TargetError,
  UnreachableError,
} from '../../core/errors.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import type { Decided } from '../../services/bot/bot.ts';
import type { StoreTables } from '../../store/store.ts';
import type { Confirmation } from '../../store/tables/confirmations.ts';
import { auditRefusal, refusalReply } from '../answer/refusal.ts';
import { post } from '../answer/reply.ts';
import type { Reply } from '../answer/reply.ts';
import { authorize, requireRole } from '../authorize/authorize.ts';
import { resolve } from '../authorize/resolve.ts';
import { targetsOf } from '../authorize/targets.ts';
import { execute, withdrawReactions } from '../execute/execute.ts';
import { nameOf } from '../execute/outcome.ts';
import type { House } from '../house.ts';
import { assertNotOwn } from '../parse/decision-word.ts';
import type { Parsed } from '../stages.ts';
import { begin } from './confirm.ts';
import { droppedReply, parsedOf, assertUndecided } from './find-confirmation.ts';
import { policyOf } from './policy.ts';
import { look } from './preview.ts';

export interface Decision {
  readonly decision: 'confirm' | 'cancel';
  readonly by: UserId;
  /** The command or reaction that decides. */
  readonly event: EventId;
}

/**
 * Settles a confirmation: carries it out, or drops it.
 *
 * @throws TargetError it is settled already, or has expired
 * @throws DeniedError this person may not decide it
 * @throws the errors of the stages, where the target has changed in the meantime
 */
export async function decideConfirmation(
  house: House,
  confirmation: Confirmation,
  { decision, by, event }: Decision,
): Promise<Decided> {
  assertNotOwn(house, by);
  const parsed = parsedOf(house, confirmation);
  if (confirmation.decisionEventId === event) {
    return decidedBefore(house, confirmation);
  }
  await assertUndecided(house, confirmation);
  requireRole(house, parsed, by);
  return decision === 'cancel'
    ? cancel(house, confirmation, parsed, { by, event })
    : carryOut(house, confirmation, parsed, { by, event });
}

async function cancel(
  house: House,
  confirmation: Confirmation,
  parsed: Parsed,
  { by, event }: Omit<Decision, 'decision'>,
): Promise<Decided> {
  const won = await house.store.transaction(async (tables) => {
    const isFirst = await tables.confirmations.decide(
      confirmation.id,
      'cancelled',
      { user: by, eventId: event },
      house.now(),
    );
    if (isFirst) {
      const reply = droppedReply(house, parsed, 'cancelled', by);
      const { origin } = parsed.invocation;
      await post(house, tables, 'outcome', { kind: 'edit', origin, reply });
      await withdrawReactions(house, tables, origin);
    }
    return isFirst;
  });
  if (!won) {
    await assertNotDecidedByOther(house, confirmation);
  }
  house.deliver(confirmation.eventId);
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
    headline: `Cancelled: ${writeInvocation(command, invocation)}`,
    audit: [],
  };
}

async function carryOut(
  house: House,
  confirmation: Confirmation,
  parsed: Parsed,
  { by, event }: Omit<Decision, 'decision'>,
): Promise<Decided> {
  assertMayDecide(house, confirmation, parsed, by);
  let confirmed;
  try {
    // What was shown may be true no longer: what there is nothing to do about any more is left out, or
    // refused where that is all.
    const { resolved } = await look(house, await resolve(house, authorize(house, parsed)));
    confirmed = await begin(house, resolved, by, async ({ confirmations }) =>
      confirmations.decide(confirmation.id, 'confirmed', { user: by, eventId: event }, house.now()),
    );
  } catch (error) {
    await dropImpossible(house, confirmation, parsed, error, { by, event });
    throw error;
  }
  if (confirmed === undefined) {
    await assertNotDecidedByOther(house, confirmation);
    throw new TargetError('state', `${confirmation.code} was already settled`);
  }
  return decidedOf(confirmation, await execute(house, confirmed));
}

/** @throws DeniedError this person is not the one, or one of those, who may confirm */
function assertMayDecide(
  house: House,
  confirmation: Confirmation,
  parsed: Parsed,
  by: UserId,
): void {
  if (parsed.invocation.actor.kind === 'rule') {
    // Nobody asked: whoever has the role decides.
    return;
  }
  const policy = policyOf(parsed, house.settings);
  const asker = confirmation.requester as UserId;
  // Where fewer were left than named, nobody would be asked about them alone.
  if (policy !== 'other' && by !== asker) {
    throw new DeniedError(
      `only ${nameOf(house, asker)}, who asked, can confirm ${confirmation.code}`,
    );
  }
  if (policy === 'other' && by === asker) {
    throw new DeniedError(`somebody else than you must confirm ${confirmation.code}`);
  }
}

/** The target was lost in the meantime, say: the confirmation can't be answered with yes any more. */
async function dropImpossible(
  house: House,
  confirmation: Confirmation,
  parsed: Parsed,
  error: unknown,
  { by, event }: Omit<Decision, 'decision'>,
): Promise<void> {
  if (
    !(error instanceof LawspeakerError) ||
    error instanceof UnreachableError ||
    error instanceof StoreError
  ) {
    return;
  }
  await house.store.transaction(async (tables) => {
    if (
      await tables.confirmations.decide(
        confirmation.id,
        'cancelled',
        { user: by, eventId: event },
        house.now(),
      )
    ) {
      const { origin } = parsed.invocation;
      const audit = await auditRefusal(house, tables, parsed, error);
      const reply = refusalReply(house, parsed.command.name, error, audit);
      await post(house, tables, 'outcome', { kind: 'edit', origin, reply });
      await withdrawReactions(house, tables, origin);
    }
  });
  house.deliver(confirmation.eventId);
}

async function assertNotDecidedByOther(house: House, confirmation: Confirmation): Promise<void> {
  const now = await house.store.confirmations.byEvent(confirmation.eventId);
  await assertUndecided(house, now ?? confirmation);
}

/**
 * The answer to a `confirm` that could not say yet how it ended says so now. Returns the event of that
 * `confirm`, where there was one.
 */
export async function correctDecision(
  house: House,
  tables: StoreTables,
  event: string,
  reply: Reply,
): Promise<EventId | undefined> {
  const confirmation = await tables.confirmations.byEvent(event);
  const decision = confirmation?.decisionEventId as EventId | null | undefined;
  if (confirmation === undefined || !decision || !(await tables.outbox.has(decision, 'answer'))) {
    return undefined;
  }
  const answer = decidedAnswer(decidedOf(confirmation, reply));
  await post(house, tables, 'decided', {
    kind: 'edit',
    origin: { event: decision, room: house.settings.managementRoom },
    reply: { command: 'confirm', status: answer.status ?? 'done', audit: [], answer },
  });
  return decision;
}

function decidedOf(confirmation: Confirmation, reply: Reply): Decided {
  const { status, answer, audit } = reply;
  return {
    command: confirmation.command,
    code: confirmation.code,
    outcome:
      status === 'done' || status === 'running' || status === 'partial' || status === 'unknown'
        ? status
        : 'failed',
    headline: answer.title.map(textOf).join(''),
    audit,
  };
}

function textOf(inline: Reply['answer']['title'][number]): string {
  if (typeof inline === 'string') {
    return inline;
  }
  return inline.kind === 'bold' ? inline.children.map(textOf).join('') : inline.text;
}

/** How work ended whose accounts ended so. */
function outcomeIn(statuses: ReadonlySet<string>): Decided['outcome'] {
  const [only] = statuses;
  if (statuses.size > 1) {
    return statuses.has('done') || statuses.has('partial') ? 'partial' : 'unknown';
  }
  return only === 'done' || only === 'failed' || only === 'partial' || only === 'running'
    ? only
    : 'unknown';
}

/** The same decision, handled again after a crash: what it led to stands in the audit log. */
async function decidedBefore(house: House, confirmation: Confirmation): Promise<Decided> {
  const { command, invocation } = parsedOf(house, confirmation);
  if (confirmation.state === 'cancelled') {
    return cancelledDecision(confirmation, { command, invocation });
  }
  const entries = await house.store.auditLog.search({
    eventId: confirmation.eventId,
    limit: 10_000,
  });
  const statuses = new Set(entries.map(({ status }) => status));
  if (targetsOf({ command, invocation }).length > entries.length) {
    // For these no intent was committed: they were not begun.
    statuses.add('failed');
  }
  return {
    command: confirmation.command,
    code: confirmation.code,
    outcome: outcomeIn(statuses),
    headline: writeInvocation(command, invocation),
    audit: entries.map(({ id }) => id).reverse(),
  };
}
