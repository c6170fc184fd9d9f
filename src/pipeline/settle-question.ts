import { bold, code, line } from '../command/answer.ts';
import { subjectOf } from '../command/declaration.ts';
import type { Invocation } from '../command/invocation.ts';
import { ago } from '../command/wording.ts';
import { writeInvocation } from '../command/write-invocation.ts';
import { DeniedError, LawspeakerError, TargetError } from '../errors.ts';
import type { EventId, UserId } from '../ids.ts';
import type { Settled } from '../services/bot.ts';
import type { Confirmation } from '../store/confirmations.ts';
import { authorize, requireRole } from './authorize.ts';
import { begin, previewOf } from './confirm.ts';
import { execute, withdrawReactions } from './execute.ts';
import { policyFor } from './house.ts';
import type { House } from './house.ts';
import { askerName, nameOf } from './outcome.ts';
import { dangerOfInvocation } from './parse.ts';
import { auditRefusal, refusalReply } from './refusal.ts';
import { post } from './reply.ts';
import type { Reply } from './reply.ts';
import { resolve } from './resolve.ts';
import type { Parsed } from './stages.ts';

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

/**
 * The question that a code names; without one, the asker's only open one.
 *
 * @throws TargetError there is none, or more than one
 */
export async function findQuestion(
  house: House,
  { code, by, event }: { code: string | undefined; by: UserId; event: EventId },
): Promise<Confirmation> {
  const { confirmations } = house.store;
  // Handled again after a crash, this decision belongs to the question that it has settled.
  const settled = await confirmations.bySettlingEvent(event);
  if (settled !== undefined) {
    return settled;
  }
  const seeAll = `\`${house.settings.prefix}pending\` lists what waits.`;
  if (code !== undefined) {
    const question = await confirmations.byCode(code);
    if (question === undefined) {
      throw new TargetError('unknown', `no question has the code ${code.slice(0, 40)}`, seeAll);
    }
    return question;
  }
  const own = await confirmations.pending(by);
  const [only] = own;
  if (only === undefined) {
    throw new TargetError('unknown', 'none of your commands waits for confirmation', seeAll);
  }
  if (own.length > 1) {
    const codes = own.map((question) => question.code).join(', ');
    throw new TargetError('state', `several of your commands wait: ${codes}`, 'Name one of them.');
  }
  return only;
}

/** What a stored question asks for. */
export function parsedOf(house: House, question: { invocation: string; command: string }): Parsed {
  const invocation = JSON.parse(question.invocation) as Invocation;
  const command = house.registry.find(question.command);
  if (command === undefined) {
    throw new TargetError('unknown', `there is no command ${question.command} any more`);
  }
  return { command, invocation, danger: dangerOfInvocation(command, invocation) };
}

/** The accounts that an invocation names. */
export function targetsOf({
  command,
  invocation,
}: Pick<Parsed, 'command' | 'invocation'>): UserId[] {
  const given = invocation.arguments[subjectOf(command) ?? ''];
  return given === undefined ? [] : ([given].flat() as UserId[]);
}

async function refuseSettled(house: House, question: Confirmation): Promise<void> {
  if (question.state === 'pending' && question.expiresAt > house.now()) {
    return;
  }
  if (question.state === 'pending') {
    await expire(house, question);
  }
  const how = question.state === 'pending' ? 'expired' : question.state;
  const who =
    question.settledBy === null ? '' : ` by ${nameOf(house, question.settledBy as UserId)}`;
  throw new TargetError(
    'state',
    how === 'expired'
      ? `${question.code} expired ${ago(question.expiresAt, house.now())}`
      : `${question.code} was already ${how}${who}`,
    how === 'confirmed' ? 'It runs once.' : 'Send the command again if it is still wanted.',
  );
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
  const policy = policyFor(parsed.danger, house.settings);
  const asker = question.requester as UserId;
  if (policy === 'requester' && by !== asker) {
    throw new DeniedError(`only ${nameOf(house, asker)}, who asked, can confirm ${question.code}`);
  }
  if (policy === 'other' && by === asker) {
    throw new DeniedError(`somebody else than you must confirm ${question.code}`);
  }
  let confirmed;
  try {
    const resolved = await resolve(house, authorize(house, parsed));
    // What was shown may be true no longer: the preview refuses what there is nothing to do about.
    await previewOf(house, resolved);
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
    error.code === 'unreachable' ||
    error.code === 'store'
  ) {
    return;
  }
  const audit = await auditRefusal(house, parsed, error);
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
  return inline.kind === 'code' ? inline.text : inline.children.map(textOf).join('');
}

/** The same decision, handled again after a crash: what it led to stands in the audit log. */
async function settledBefore(house: House, question: Confirmation): Promise<Settled> {
  const { command, invocation } = parsedOf(house, question);
  if (question.state === 'cancelled') {
    return cancelledSettlement(question, { command, invocation });
  }
  const entries = await house.store.auditLog.search({ eventId: question.eventId, limit: 1000 });
  const statuses = new Set(entries.map(({ status }) => status));
  if (targetsOf({ command, invocation }).length > entries.length) {
    // For these no intent was committed: they were not begun.
    statuses.add('failed');
  }
  const outcome = statuses.has('done')
    ? statuses.size > 1
      ? 'partial'
      : 'done'
    : statuses.size === 1 && statuses.has('failed')
      ? 'failed'
      : 'unknown';
  return {
    command: question.command,
    code: question.code,
    outcome,
    headline: writeInvocation(command, invocation),
    audit: entries.map(({ id }) => id).reverse(),
  };
}

/** Ends a question that nobody answered in time. */
export async function expire(house: House, question: Confirmation): Promise<void> {
  const parsed = parsedOf(house, question);
  const { origin } = parsed.invocation;
  await house.store.transaction(async (tables) => {
    if (await tables.confirmations.settle(question.id, 'expired', undefined, house.now())) {
      const reply = droppedReply(house, parsed, 'expired', undefined);
      await post(house, tables, 'outcome', { kind: 'edit', origin, reply });
      await withdrawReactions(house, tables, origin);
    }
  });
  house.deliver(question.eventId);
}

function droppedReply(
  house: House,
  { command, invocation }: Parsed,
  status: 'cancelled' | 'expired',
  by: UserId | undefined,
): Reply {
  const { actor } = invocation;
  const asker = askerName(house, actor);
  return {
    command: command.name,
    status,
    audit: [],
    answer: {
      mark: '❌',
      title: [
        bold(status === 'cancelled' ? 'Cancelled: ' : 'Expired: '),
        code(`${house.settings.prefix}${writeInvocation(command, invocation)}`),
      ],
      body: [
        line(
          `Asked by ${asker}${by === undefined ? ', confirmed by nobody' : `, cancelled by ${nameOf(house, by)}`}. Nothing was changed.`,
        ),
      ],
    },
  };
}
