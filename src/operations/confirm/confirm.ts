import { bold, facts, line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { clock, count } from '../../chat/answers/phrases.ts';
import { withoutLinks } from '../../chat/answers/untrusted-text.ts';
import type { Command, Danger } from '../../chat/command/declaration.ts';
import { actorName } from '../../chat/command/invocation.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import { canChange } from '../../chat/command/properties.ts';
import type { UserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { Confirmation } from '../../store/tables/operations/confirmations.ts';
import { lastUndoBlocks } from '../answer/last-undo.ts';
import { cancelKey, confirmKey, post } from '../answer/reply.ts';
import type { DeliverContext, Reply } from '../answer/reply.ts';
import { beginFirst } from '../execute/begin.ts';
import { plannedOperation } from '../execute/operation-field.ts';
import { newOperation, unitsOf } from '../execute/operation.ts';
import type { Confirmed } from '../execute/operation.ts';
import type { InFlight } from '../execute/reconcile.ts';
import { askerName } from '../management-room.ts';
import type { Members } from '../management-room.ts';
import type { ConfirmationPolicy, Settings } from '../settings.ts';
import { otherTarget, passed, readInvocation, targetsOf } from '../stages.ts';
import type { Parsed, Resolved, Shown } from '../stages.ts';
import { makePreview } from './preview.ts';
import type { PreviewContext } from './preview.ts';
import { isForLater, laterBlocks, schedule } from './schedule.ts';
import type { ScheduleContext } from './schedule.ts';

/** What starting an operation needs. */
export interface StartContext {
  readonly store: Pick<Store, 'transaction'>;
  readonly settings: Pick<Settings, 'homeservers' | 'parallelism' | 'serverName'>;
  readonly inFlight: Pick<InFlight, 'add' | 'remove'>;
  now(): number;
}

/** What asking for a confirmation needs. */
export type AskContext = PreviewContext &
  DeliverContext & {
    readonly members: Pick<Members, 'displayName'>;
    readonly settings: Pick<Settings, 'confirmation' | 'prefix'>;
    /** Says when a confirmation expires, in milliseconds since 1970. */
    expireAt(at: number): void;
  };

/** What confirming needs. */
export type ConfirmContext = AskContext &
  ScheduleContext &
  StartContext & { readonly settings: Pick<Settings, 'confirmationExpiresAfterMs'> };

/**
 * Starts what needs nobody's agreement. Asks for a confirmation for everything else, and returns undefined.
 *
 * @throws TargetError the preview found that there is nothing to do
 */
export async function confirm(
  context: ConfirmContext,
  resolved: Resolved,
): Promise<Confirmed | undefined> {
  // If targets were left out, the person is shown the remaining ones first.
  if (policyOf(resolved, context.settings) === 'none' && resolved.leftOut.length === 0) {
    if (isForLater(context, resolved)) {
      await schedule(context, resolved, undefined, async () => true);
      return undefined;
    }
    return start(context, resolved, undefined, async () => true);
  }
  await ask(context, resolved, {
    expiresAfterMs: context.settings.confirmationExpiresAfterMs,
    cause: async () => true,
  });
  return undefined;
}

/**
 * Commits in one transaction what `cause` records (that a confirmation is used, for example), that the
 * operation has started, what it consists of, and its first intents.
 *
 * @returns undefined if `cause` returns false, or the operation was started before
 */
export async function start(
  context: StartContext,
  resolved: Resolved,
  confirmer: UserId | undefined,
  cause: (tables: StoreTables) => Promise<boolean>,
): Promise<Confirmed | undefined> {
  const { invocation, danger } = resolved;
  const { event } = invocation.origin;
  if (danger === 'read') {
    return passed<Confirmed>({ ...resolved, confirmer, operation: undefined });
  }
  // Before the commit, so that recovery never sees it running and not in flight.
  const isFirst = context.inFlight.add(event);
  let started: Confirmed | undefined;
  try {
    started = await commitStart(context, resolved, confirmer, cause);
  } finally {
    // If somebody else has started it just now, it stays in flight: recovery must not begin the rest, too.
    if (started === undefined && isFirst) {
      context.inFlight.remove(event);
    }
  }
  return started;
}

async function commitStart(
  context: Omit<StartContext, 'inFlight'>,
  resolved: Resolved,
  confirmer: UserId | undefined,
  cause: (tables: StoreTables) => Promise<boolean>,
): Promise<Confirmed | undefined> {
  const { invocation, command, danger } = resolved;
  const { event, room } = invocation.origin;
  return context.store.transaction(async (tables) => {
    if (!(await cause(tables))) {
      return undefined;
    }
    const now = context.now();
    const id = await tables.operations.start(
      {
        eventId: event,
        roomId: room,
        actor: actorName(invocation.actor),
        command: command.name,
        danger,
        invocation: JSON.stringify(invocation),
      },
      now,
    );
    if (id === undefined) {
      return undefined;
    }
    await tables.inbox.markHandled(event, now);
    const units = unitsOf(resolved);
    await tables.operationTargets.add(id, units);
    const operation = newOperation(resolved, id, confirmer, units, now);
    await beginFirst(context, tables, operation, context.settings.parallelism);
    return passed<Confirmed>({ ...resolved, confirmer, operation });
  });
}

/**
 * Asks for a confirmation in the room, unless `cause` returns false. What `cause` records is committed
 * with the confirmation.
 *
 * @returns whether it has asked
 * @throws TargetError the preview found that there is nothing to do
 */
export async function ask(
  context: AskContext,
  resolved: Resolved,
  how: {
    readonly expiresAfterMs: number;
    readonly cause: (tables: StoreTables) => Promise<boolean>;
  },
): Promise<boolean> {
  const shown = await makePreview(context, resolved);
  // What is stored, and done later, is what was shown.
  const { command, danger, leftOut } = shown.resolved;
  const invocation: Invocation = {
    ...shown.resolved.invocation,
    ...(leftOut.length === 0 ? {} : { leftOut }),
  };
  const { store } = context;
  const createdAt = context.now();
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
      roomId: invocation.origin.room,
      danger,
      createdAt,
      expiresAt,
    });
    const { origin } = invocation;
    const others = await othersAbout(context, tables, shown.resolved, confirmation);
    await post(context, tables, 'answer', {
      kind: 'reply',
      origin,
      reply: confirmationReply(context, resolved, shown, { confirmation, others }),
    });
    await post(context, tables, 'react-confirm', { kind: 'reaction', origin, key: confirmKey });
    await post(context, tables, 'react-cancel', { kind: 'reaction', origin, key: cancelKey });
    await tables.inbox.markHandled(origin.event, createdAt);
    return true;
  });
  if (hasAsked) {
    context.expireAt(expiresAt);
    context.deliver(invocation.origin.event);
  }
  return hasAsked;
}

function confirmationReply(
  {
    settings,
    now,
  }: { readonly settings: Pick<Settings, 'confirmation' | 'prefix'>; now(): number },
  resolved: Resolved,
  { preview: shown, file, resolved: planned }: Shown,
  {
    confirmation: { id, code, expiresAt },
    others,
  }: { confirmation: Confirmation; others: readonly Block[] },
): Reply {
  const { prefix } = settings;
  const { command, invocation } = resolved;
  const { actor } = invocation;
  const needsOther = actor.kind !== 'rule' && policyOf(resolved, settings) === 'other';
  return {
    command: command.name,
    status: 'pending',
    audit: [],
    confirmation: { code, expiresAt, approvalsNeeded: 1, approvals: 0 },
    operation: plannedOperation(planned, id, 'awaiting'),
    answer: {
      mark: '⚠️',
      title: [{ kind: 'bold', children: shown.title }],
      ...present({ file }),
      body: [
        // Second, where somebody in a hurry still reads it.
        ...(shown.warning === undefined ? [] : [line(bold(shown.warning))]),
        ...shown.body,
        ...others,
        ...reasonBlocks(invocation),
        ...lastUndoBlocks(invocation),
        ...laterBlocks(now(), invocation),
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

/** The reason, as a confirmation and a dry run show it. */
export function reasonBlocks({ reason }: Pick<Invocation, 'reason'>): Block[] {
  return reason === undefined ? [] : [line('Reason: ', withoutLinks(reason))];
}

/** At most this many other confirmations are named. */
const maxOthers = 3;

/** Other pending confirmations about the same targets, which people should know about. */
async function othersAbout(
  context: Pick<AskContext, 'members' | 'now' | 'registry'>,
  { confirmations }: Pick<StoreTables, 'confirmations'>,
  parsed: Pick<Parsed, 'command' | 'invocation'>,
  { id }: Confirmation,
): Promise<Block[]> {
  const own = new Set(targetNames(parsed));
  const found: Block[] = [];
  for (const other of await confirmations.pending()) {
    const command = context.registry.find(other.command);
    const invocation = readInvocation(other.invocation);
    const isOpen = other.id !== id && other.expiresAt > context.now();
    if (!isOpen || command === undefined || invocation === undefined) {
      continue;
    }
    const shared = targetNames({ command, invocation }).filter((name) => own.has(name)).length;
    if (shared > 0 && found.length < maxOthers) {
      const isOwn = actorName(invocation.actor) === actorName(parsed.invocation.actor);
      // A rule can ask for the same thing again.
      const who =
        isOwn && invocation.actor.kind === 'person'
          ? 'You are'
          : `${askerName(context.members, invocation.actor)} is`;
      const what = own.size === 1 ? 'the same target' : count(shared, 'of these', 'of these');
      found.push(
        facts([
          `${who} already asking about ${what}: `,
          { kind: 'code', text: other.command },
          `, code ${other.code}`,
        ]),
      );
    }
  }
  return found;
}

function targetNames(parsed: Pick<Parsed, 'command' | 'invocation'>): string[] {
  const { command, invocation } = parsed;
  const accounts: string[] = targetsOf(parsed);
  if (accounts.length > 0) {
    return accounts;
  }
  if (command.stepsAreRooms === true) {
    return (command.steps?.(invocation.arguments) ?? []).map(({ name }) => name);
  }
  const target = otherTarget(parsed);
  return target === undefined ? [] : [target];
}

/** Who has to agree before something of this danger is done. */
export function policyFor(
  danger: Danger,
  settings: Pick<Settings, 'confirmation'>,
): ConfirmationPolicy {
  return danger === 'destructive' || danger === 'critical' ? settings.confirmation[danger] : 'none';
}

/**
 * Who has to agree before this is done. A person who names several targets is always shown them first,
 * however harmless the command is: a word of prose may have been read as a target.
 */
export function policyOf(
  { command, danger, invocation }: Pick<Parsed, 'command' | 'danger' | 'invocation'>,
  settings: Pick<Settings, 'confirmation'>,
): ConfirmationPolicy {
  const policy = policyFor(danger, settings);
  return policy === 'none' &&
    danger !== 'read' &&
    invocation.actor.kind === 'person' &&
    (invocation.matching !== undefined ||
      invocation.reversals !== undefined ||
      namesSeveral(command, invocation.arguments))
    ? 'requester'
    : policy;
}

/** Whether several targets were given that may be words of prose. Report numbers and files can't be. */
function namesSeveral(command: Command, given: Readonly<Record<string, unknown>>): boolean {
  return (
    canChange(command) &&
    Object.entries(command.args).some(([key, { place, kind, options }]) => {
      const value = given[key];
      return (
        place === 'positional' &&
        options.many === true &&
        kind !== 'item' &&
        kind !== 'media' &&
        Array.isArray(value) &&
        value.length > 1
      );
    })
  );
}
