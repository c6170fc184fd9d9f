import { bold, code, cut, line } from '../command/answer.ts';
import type { Invocation } from '../command/invocation.ts';
import { ago } from '../command/wording.ts';
import { writeInvocation } from '../command/write-invocation.ts';
import { TargetError } from '../errors.ts';
import type { EventId, UserId } from '../ids.ts';
import type { Confirmation } from '../store/confirmations.ts';
import { withdrawReactions } from './execute.ts';
import type { House } from './house.ts';
import { askerName, nameOf } from './outcome.ts';
import { dangerOfInvocation } from './parse.ts';
import { post } from './reply.ts';
import type { Reply } from './reply.ts';
import type { Parsed } from './stages.ts';
import { readInvocation } from './stored-invocation.ts';

/**
 * The question that a code names; without one, the asker's only open one.
 *
 * @throws TargetError there is none, or more than one
 */
export async function findQuestion(
  house: House,
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
  const { confirmations } = house.store;
  // Handled again after a crash, this decision belongs to the question that it has settled.
  const settled = await confirmations.bySettlingEvent(event);
  if (settled !== undefined) {
    return settled;
  }
  const seeAll = `\`${house.settings.prefix}pending\` lists what waits.`;
  if (code !== undefined) {
    const plain = code.replaceAll(/[^\p{L}\p{N}]/gu, '');
    const question = await confirmations.byCode(plain);
    if (question === undefined) {
      throw new TargetError('unknown', `no question has the code ${code.slice(0, 40)}`, seeAll);
    }
    return question;
  }
  const pending = await confirmations.pending();
  const all = pending.filter(({ expiresAt }) => expiresAt > house.now());
  const own = all.filter(({ requester }) => requester === by);
  const [only] = own;
  const expired = pending.findLast(({ requester }) => requester === by);
  if (only === undefined && expired !== undefined) {
    // Its time is over and its timer has not run yet: whoever finds it ends it, and is told.
    return expired;
  }
  if (only !== undefined && own.length === 1) {
    return only;
  }
  if (only !== undefined) {
    throw new TargetError(
      'state',
      `${own.length} of your commands wait, so say which`,
      choices(house, own, decision),
    );
  }
  throw new TargetError(
    'unknown',
    'none of your commands waits for confirmation',
    all.length === 0 ? seeAll : choices(house, all, decision),
  );
}

/** So many are shown; `pending` lists all. */
const fewChoices = 8;

/** A line for each: what to send, and what that is about. */
function choices(
  { registry, settings: { prefix } }: House,
  questions: readonly Confirmation[],
  decision: 'confirm' | 'cancel',
): string {
  const shown = questions.slice(0, fewChoices).map((question) => {
    const command = registry.find(question.command);
    const invocation = readInvocation(question.invocation);
    const what =
      command === undefined || invocation === undefined
        ? question.command
        : writeInvocation(command, invocation);
    const about = cut(what, 120).replaceAll('`', '’');
    const asker = invocation?.actor.kind === 'person' ? invocation.actor.user : question.requester;
    return `\`${prefix}${decision} ${question.code}\`: \`${about}\`, asked by \`${asker.replaceAll('`', '’')}\``;
  });
  const rest = questions.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more: \`${prefix}pending\``] : [])].join('\n');
}

/** What a stored question asks for. */
export function parsedOf(house: House, question: { invocation: string; command: string }): Parsed {
  const invocation = JSON.parse(question.invocation) as Invocation;
  const command = house.registry.find(question.command);
  if (command === undefined) {
    throw new TargetError('unknown', `there is no command ${question.command} any more`);
  }
  const missing = Object.entries(command.args).find(
    ([key, { kind, options }]) =>
      kind === 'date' && options.default !== undefined && invocation.arguments[key] === undefined,
  );
  if (missing !== undefined) {
    // Stored by a version that left such a time open. None is not the same as any.
    throw new TargetError('state', `it is not known which time ${question.command} was meant for`);
  }
  return { command, invocation, danger: dangerOfInvocation(command, invocation) };
}

/** @throws TargetError the question is settled, or its time is over */
export async function refuseSettled(house: House, question: Confirmation): Promise<void> {
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

/** What stands in a question's place when it was dropped. */
export function droppedReply(
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
