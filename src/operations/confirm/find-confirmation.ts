import { bold, code, line } from '../../chat/answers/answer.ts';
import { ago } from '../../chat/answers/phrases.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { TargetError } from '../../core/errors.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { Confirmation } from '../../store/tables/confirmations.ts';
import { post } from '../answer/reply.ts';
import type { Reply } from '../answer/reply.ts';
import { withdrawReactions } from '../execute/execute.ts';
import { askerName, nameOf } from '../execute/outcome.ts';
import type { House } from '../house.ts';
import { dangerOfInvocation } from '../parse/parse.ts';
import { readInvocation } from '../parse/stored-invocation.ts';
import type { Parsed } from '../stages.ts';

/**
 * The confirmation that a code names; without one, the asker's only open one.
 *
 * @throws TargetError there is none, or more than one
 */
export async function findConfirmation(
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
  // Handled again after a crash, this decision belongs to the confirmation that it has settled.
  const settled = await confirmations.byDecisionEvent(event);
  if (settled !== undefined) {
    return settled;
  }
  const seeAll = `\`${house.settings.prefix}pending\` lists what waits.`;
  if (code !== undefined) {
    const plain = code.replaceAll(/[^\p{L}\p{N}]/gu, '');
    const confirmation = await confirmations.byCode(plain);
    if (confirmation === undefined) {
      throw new TargetError('unknown', `no confirmation has the code ${code.slice(0, 40)}`, seeAll);
    }
    return confirmation;
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
  confirmations: readonly Confirmation[],
  decision: 'confirm' | 'cancel',
): string {
  const shown = confirmations.slice(0, fewChoices).map((confirmation) => {
    const command = registry.find(confirmation.command);
    const invocation = readInvocation(confirmation.invocation);
    const what =
      command === undefined || invocation === undefined
        ? confirmation.command
        : writeInvocation(command, invocation);
    const about = cut(what, 120).replaceAll('`', '’');
    const asker =
      invocation?.actor.kind === 'person' ? invocation.actor.user : confirmation.requester;
    return `\`${prefix}${decision} ${confirmation.code}\`: \`${about}\`, asked by \`${asker.replaceAll('`', '’')}\``;
  });
  const rest = confirmations.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more: \`${prefix}pending\``] : [])].join('\n');
}

/** What a stored confirmation asks for. */
export function parsedOf(
  house: House,
  confirmation: { invocation: string; command: string },
): Parsed {
  const invocation = JSON.parse(confirmation.invocation) as Invocation;
  const command = house.registry.find(confirmation.command);
  if (command === undefined) {
    throw new TargetError('unknown', `there is no command ${confirmation.command} any more`);
  }
  const missing = Object.entries(command.args).find(
    ([key, { kind, options }]) =>
      kind === 'date' && options.default !== undefined && invocation.arguments[key] === undefined,
  );
  if (missing !== undefined) {
    // Stored by a version that left such a time open. None is not the same as any.
    throw new TargetError(
      'state',
      `it is not known which time ${confirmation.command} was meant for`,
    );
  }
  return { command, invocation, danger: dangerOfInvocation(command, invocation) };
}

/** @throws TargetError the confirmation is settled, or its time is over */
export async function assertUndecided(house: House, confirmation: Confirmation): Promise<void> {
  if (confirmation.state === 'pending' && confirmation.expiresAt > house.now()) {
    return;
  }
  if (confirmation.state === 'pending') {
    await expire(house, confirmation);
  }
  const how = confirmation.state === 'pending' ? 'expired' : confirmation.state;
  const who =
    confirmation.decidedBy === null ? '' : ` by ${nameOf(house, confirmation.decidedBy as UserId)}`;
  throw new TargetError(
    'state',
    how === 'expired'
      ? `${confirmation.code} expired ${ago(confirmation.expiresAt, house.now())}`
      : `${confirmation.code} was already ${how}${who}`,
    how === 'confirmed' ? 'It runs once.' : 'Send the command again if it is still wanted.',
  );
}

/** Ends a confirmation that nobody answered in time. */
export async function expire(house: House, confirmation: Confirmation): Promise<void> {
  const parsed = parsedOf(house, confirmation);
  const { origin } = parsed.invocation;
  await house.store.transaction(async (tables) => {
    if (await tables.confirmations.decide(confirmation.id, 'expired', undefined, house.now())) {
      const reply = droppedReply(house, parsed, 'expired', undefined);
      await post(house, tables, 'outcome', { kind: 'edit', origin, reply });
      await withdrawReactions(house, tables, origin);
    }
  });
  house.deliver(confirmation.eventId);
}

/** What stands in a confirmation's place when it was dropped. */
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
