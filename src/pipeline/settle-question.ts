import { settledAnswer } from '../command/decision.ts';
import { writeInvocation } from '../command/write-invocation.ts';
import {
  DeniedError,
  LawspeakerError,
  StoreError,
  TargetError,
  UnreachableError,
} from '../errors.ts';
import type { EventId, UserId } from '../ids.ts';
import type { Settled } from '../services/bot.ts';
import type { Confirmation } from '../store/confirmations.ts';
import type { StoreTables } from '../store/store.ts';
import { authorize, requireRole } from './authorize.ts';
import { begin } from './confirm.ts';
import { assertNotOwn } from './decision-word.ts';
import { execute, withdrawReactions } from './execute.ts';
import type { House } from './house.ts';
import { nameOf } from './outcome.ts';
import { policyOf } from './policy.ts';
import { look } from './preview.ts';
import { droppedReply, parsedOf, refuseSettled } from './question.ts';
import { auditRefusal, refusalReply } from './refusal.ts';
import { post } from './reply.ts';
import type { Reply } from './reply.ts';
import { resolve } from './resolve.ts';
import type { Parsed } from './stages.ts';
import { targetsOf } from './targets.ts';

export interface Decision {
  readonly decision: 'confirm' | 'cancel';
  readonly by: UserId;
  /** The command or reaction that decides. */
  readonly event: EventId;
}

/**
 * Settles a question: carries it out, or drops it.
 *
 * @throws TargetError it is settled already, or has expired
 * @throws DeniedError this person may not decide it
 * @throws the errors of the stages, where the target has changed in the meantime
 */
export async function settleQuestion(
  house: House,
  question: Confirmation,
  { decision, by, event }: Decision,
): Promise<Settled> {
  assertNotOwn(house, by);
  const parsed = parsedOf(house, question);
  if (question.settledEventId === event) {
    return settledBefore(house, question);
  }
  await refuseSettled(house, question);
  requireRole(house, parsed, by);
  return decision === 'cancel'
    ? cancel(house, question, parsed, { by, event })
    : carryOut(house, question, parsed, { by, event });
}

async function cancel(
  house: House,
  question: Confirmation,
  parsed: Parsed,
  { by, event }: Omit<Decision, 'decision'>,
): Promise<Settled> {
  const won = await house.store.transaction(async (tables) => {
    const isFirst = await tables.confirmations.settle(
      question.id,
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
    await refuseSettledByOther(house, question);
  }
  house.deliver(question.eventId);
  return cancelledSettlement(question, parsed);
}

function cancelledSettlement(
  question: Confirmation,
  { command, invocation }: Pick<Parsed, 'command' | 'invocation'>,
): Settled {
  return {
    command: question.command,
    code: question.code,
    outcome: 'cancelled',
    headline: `Cancelled: ${writeInvocation(command, invocation)}`,
    audit: [],
  };
}

async function carryOut(
  house: House,
  question: Confirmation,
  parsed: Parsed,
  { by, event }: Omit<Decision, 'decision'>,
): Promise<Settled> {
  refuseDecider(house, question, parsed, by);
  let confirmed;
  try {
    // What was shown may be true no longer: what there is nothing to do about any more is left out, or
    // refused where that is all.
    const { resolved } = await look(house, await resolve(house, authorize(house, parsed)));
    confirmed = await begin(house, resolved, by, async ({ confirmations }) =>
      confirmations.settle(question.id, 'confirmed', { user: by, eventId: event }, house.now()),
    );
  } catch (error) {
    await dropImpossible(house, question, parsed, error, { by, event });
    throw error;
  }
  if (confirmed === undefined) {
    await refuseSettledByOther(house, question);
    throw new TargetError('state', `${question.code} was already settled`);
  }
  return settledOf(question, await execute(house, confirmed));
}

/** @throws DeniedError this person is not the one, or one of those, who may confirm */
function refuseDecider(house: House, question: Confirmation, parsed: Parsed, by: UserId): void {
  if (parsed.invocation.actor.kind === 'rule') {
    // Nobody asked: whoever has the role decides.
    return;
  }
  const policy = policyOf(parsed, house.settings);
  const asker = question.requester as UserId;
  // Where fewer were left than named, nobody would be asked about them alone.
  if (policy !== 'other' && by !== asker) {
    throw new DeniedError(`only ${nameOf(house, asker)}, who asked, can confirm ${question.code}`);
  }
  if (policy === 'other' && by === asker) {
    throw new DeniedError(`somebody else than you must confirm ${question.code}`);
  }
}

/** The target was lost in the meantime, say: the question can't be answered with yes any more. */
async function dropImpossible(
  house: House,
  question: Confirmation,
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
      await tables.confirmations.settle(
        question.id,
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
  house.deliver(question.eventId);
}

async function refuseSettledByOther(house: House, question: Confirmation): Promise<void> {
  const now = await house.store.confirmations.byEvent(question.eventId);
  await refuseSettled(house, now ?? question);
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
  const question = await tables.confirmations.byEvent(event);
  const decision = question?.settledEventId as EventId | null | undefined;
  if (question === undefined || !decision || !(await tables.outbox.has(decision, 'answer'))) {
    return undefined;
  }
  const answer = settledAnswer(settledOf(question, reply));
  await post(house, tables, 'settled', {
    kind: 'edit',
    origin: { event: decision, room: house.settings.managementRoom },
    reply: { command: 'confirm', status: answer.status ?? 'done', audit: [], answer },
  });
  return decision;
}

function settledOf(question: Confirmation, reply: Reply): Settled {
  const { status, answer, audit } = reply;
  return {
    command: question.command,
    code: question.code,
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
function outcomeIn(statuses: ReadonlySet<string>): Settled['outcome'] {
  const [only] = statuses;
  if (statuses.size > 1) {
    return statuses.has('done') || statuses.has('partial') ? 'partial' : 'unknown';
  }
  return only === 'done' || only === 'failed' || only === 'partial' || only === 'running'
    ? only
    : 'unknown';
}

/** The same decision, handled again after a crash: what it led to stands in the audit log. */
async function settledBefore(house: House, question: Confirmation): Promise<Settled> {
  const { command, invocation } = parsedOf(house, question);
  if (question.state === 'cancelled') {
    return cancelledSettlement(question, { command, invocation });
  }
  const entries = await house.store.auditLog.search({ eventId: question.eventId, limit: 10_000 });
  const statuses = new Set(entries.map(({ status }) => status));
  if (targetsOf({ command, invocation }).length > entries.length) {
    // For these no intent was committed: they were not begun.
    statuses.add('failed');
  }
  return {
    command: question.command,
    code: question.code,
    outcome: outcomeIn(statuses),
    headline: writeInvocation(command, invocation),
    audit: entries.map(({ id }) => id).reverse(),
  };
}
