import { facts, line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { clock } from '../../chat/answers/phrases.ts';
import { withoutLinks } from '../../chat/answers/untrusted-text.ts';
import { actorName } from '../../chat/command/invocation.ts';
import type { UserId } from '../../core/ids.ts';
import type { StoreTables } from '../../store/store.ts';
import type { Confirmation } from '../../store/tables/confirmations.ts';
import { cancelKey, confirmKey, post } from '../answer/reply.ts';
import type { Reply } from '../answer/reply.ts';
import { intentFor } from '../execute/intent.ts';
import type { House } from '../house.ts';
import { passed } from '../stages.ts';
import type { Confirmed, Resolved } from '../stages.ts';
import { othersAbout } from './others-about.ts';
import { policyOf } from './policy.ts';
import { look } from './preview.ts';
import type { Shown } from './preview.ts';

/**
 * Lets pass what needs nobody's agreement; asks in the room about the rest, and returns undefined.
 *
 * @throws TargetError the preview found that there is nothing to do
 */
export async function confirm(house: House, resolved: Resolved): Promise<Confirmed | undefined> {
  // Whoever named more than is left is shown what is.
  if (policyOf(resolved, house.settings) === 'none' && resolved.leftOut.length === 0) {
    return begin(house, resolved, undefined, async () => true);
  }
  await ask(house, resolved, {
    expiresAfterMs: house.settings.confirmationExpiresAfterMs,
    cause: async () => true,
  });
  return undefined;
}

/**
 * Commits, in one transaction, whatever `cause` records (a confirmation used, say), that the work
 * has begun, and the first intent. Returns undefined where `cause` says no or it was begun before.
 */
export async function begin(
  house: House,
  resolved: Resolved,
  confirmer: UserId | undefined,
  cause: (tables: StoreTables) => Promise<boolean>,
): Promise<Confirmed | undefined> {
  const { invocation, danger } = resolved;
  const { event } = invocation.origin;
  if (danger === 'read') {
    return passed<Confirmed>({ ...resolved, confirmer, intent: undefined });
  }
  // Before the commit, so that recovery can never see it open and idle.
  house.inFlight.add(event);
  const begun = await commitBeginning(house, resolved, confirmer, cause);
  if (begun === undefined) {
    house.inFlight.delete(event);
  }
  return begun;
}

async function commitBeginning(
  house: House,
  resolved: Resolved,
  confirmer: UserId | undefined,
  cause: (tables: StoreTables) => Promise<boolean>,
): Promise<Confirmed | undefined> {
  const { invocation } = resolved;
  const { event } = invocation.origin;
  return house.store.transaction(async (tables) => {
    const isFirst =
      (await cause(tables)) &&
      (await tables.executions.begin(
        {
          eventId: event,
          invocation: JSON.stringify(invocation),
          confirmer: confirmer ?? null,
        },
        house.now(),
      ));
    if (!isFirst) {
      return undefined;
    }
    await tables.inbox.handled(event, house.now());
    const intent = await tables.auditLog.begin(
      intentFor(resolved, resolved.accounts[0], confirmer),
      house.now(),
    );
    return passed<Confirmed>({ ...resolved, confirmer, intent });
  });
}

/**
 * Asks in the room, unless `cause`, which is committed with the confirmation, says no. Returns whether it
 * has asked.
 *
 * @throws TargetError the preview found that there is nothing to do
 */
export async function ask(
  house: House,
  resolved: Resolved,
  how: {
    readonly expiresAfterMs: number;
    readonly cause: (tables: StoreTables) => Promise<boolean>;
  },
): Promise<boolean> {
  const shown = await look(house, resolved);
  // What is stored, and done later, is what was shown.
  const { command, invocation, danger } = shown.resolved;
  const { store } = house;
  const createdAt = house.now();
  const expiresAt = createdAt + how.expiresAfterMs;
  const hasAsked = await store.transaction(async (tables) => {
    if (!(await how.cause(tables))) {
      return false;
    }
    const confirmation = await tables.confirmations.ask({
      invocation: JSON.stringify(invocation),
      command: command.name,
      requester: actorName(invocation.actor),
      eventId: invocation.origin.event,
      danger,
      createdAt,
      expiresAt,
    });
    const { origin } = invocation;
    const others = await othersAbout(house, tables, shown.resolved, confirmation);
    await post(house, tables, 'answer', {
      kind: 'reply',
      origin,
      reply: confirmationReply(house, resolved, shown, { confirmation, others }),
    });
    await post(house, tables, 'react-confirm', { kind: 'reaction', origin, key: confirmKey });
    await post(house, tables, 'react-cancel', { kind: 'reaction', origin, key: cancelKey });
    await tables.inbox.handled(origin.event, createdAt);
    return true;
  });
  if (hasAsked) {
    house.expireAt(expiresAt);
    house.deliver(invocation.origin.event);
  }
  return hasAsked;
}

function confirmationReply(
  house: House,
  resolved: Resolved,
  { preview, file }: Shown,
  {
    confirmation: { code, expiresAt },
    others,
  }: { confirmation: Confirmation; others: readonly Block[] },
): Reply {
  const { prefix } = house.settings;
  const { command, invocation } = resolved;
  const { actor } = invocation;
  const needsOther = actor.kind !== 'rule' && policyOf(resolved, house.settings) === 'other';
  return {
    command: command.name,
    status: 'pending',
    audit: [],
    confirmation: { code, expiresAt, approvalsNeeded: 1, approvals: 0 },
    answer: {
      mark: '⚠️',
      title: [{ kind: 'bold', children: preview.title }],
      ...(file === undefined ? {} : { file }),
      body: [
        ...preview.body,
        ...others,
        ...(invocation.reason === undefined
          ? []
          : [line('Reason: ', withoutLinks(invocation.reason))]),
        ...(preview.warning === undefined ? [] : [line(preview.warning)]),
        ...(actor.kind === 'rule' ? [line(`Proposed by the rule ${actor.name}.`)] : []),
        ...(needsOther ? [line('Somebody else must confirm this.')] : []),
        facts(
          [`${confirmKey} or `, { kind: 'code', text: `${prefix}confirm ${code}` }],
          [`${cancelKey} or `, { kind: 'code', text: `${prefix}cancel ${code}` }],
          `until ${clock(expiresAt)}`,
        ),
      ],
    },
  };
}
