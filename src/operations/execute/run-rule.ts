import type { Command } from '../../chat/command/declaration.ts';
import type { Invocation, Json } from '../../chat/command/invocation.ts';
import { ProtectedError, StoreError, UnreachableError, codeOf } from '../../core/errors.ts';
import { parseUserId, serverNameOf } from '../../core/ids.ts';
import type { EventId } from '../../core/ids.ts';
import type { StoreTables } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import { auditRefusal, refusalReply } from '../answer/refusal.ts';
import { post } from '../answer/reply.ts';
import { authorize } from '../authorize/authorize.ts';
import { resolve } from '../authorize/resolve.ts';
import { ask, begin } from '../confirm/confirm.ts';
import { policyFor } from '../confirm/policy.ts';
import type { House } from '../house.ts';
import { dangerOfInvocation } from '../parse/parse.ts';
import type { Parsed } from '../stages.ts';
import { execute, logFault } from './execute.ts';

/** What one line of a rule asks for, about an item that it fits. */
export interface RuleCall {
  readonly rule: string;
  readonly item: Pick<ReportItem, 'id' | 'sender'>;
  /** Its place among the rule's lines. */
  readonly at: number;
  readonly command: Command;
  readonly values: Readonly<Record<string, Json>>;
  readonly reason: string | undefined;
  /** Milliseconds. */
  readonly forMs: number | undefined;
}

/**
 * Runs a line of a rule, or proposes it to whoever may confirm it. It goes the way of every command,
 * and has less power than any moderator: nothing protected, nothing for admins.
 *
 * @param record is committed with the beginning, the confirmation or the refusal
 * @throws UnreachableError, StoreError nothing has begun; try again
 */
export async function runRuleLine(
  house: House,
  call: RuleCall,
  mode: 'act' | 'propose',
  record: (tables: StoreTables) => Promise<void>,
): Promise<void> {
  if (house.sendPermission.silence() !== undefined) {
    throw new UnreachableError(`rule ${call.rule}`, 'does not let the bot speak', false);
  }
  const parsed = parsedCall(house, call);
  const cause = async (tables: StoreTables) => {
    await record(tables);
    return true;
  };
  try {
    await assertUnprotected(house, call);
    const resolved = await resolve(house, authorize(house, parsed));
    if (await wasAsked(house, parsed)) {
      // Before a crash. Whoever decides about that confirmation decides; the rule does not do it as well.
      return;
    }
    // Where a second person must agree, none has yet.
    if (mode === 'propose' || policyFor(parsed.danger, house.settings) === 'other') {
      const expiresAfterMs = house.settings.proposalExpiresAfterMs;
      await ask(house, resolved, { expiresAfterMs, cause });
      return;
    }
    const confirmed = await begin(house, resolved, undefined, cause);
    if (confirmed !== undefined) {
      await execute(house, confirmed);
    }
  } catch (error) {
    if (error instanceof UnreachableError || error instanceof StoreError) {
      throw error;
    }
    logFault(house, parsed.command.name, error);
    house.log.warn({ rule: call.rule, code: codeOf(error) }, 'a rule could not act');
    await refuse(house, parsed, error, record);
  }
}

/**
 * Whatever a rule would do, and to what of theirs: it keeps off people whom it must not touch.
 *
 * @throws ProtectedError
 */
async function assertUnprotected(house: House, { item }: RuleCall): Promise<void> {
  const sender = item.sender === null ? undefined : parseUserId(item.sender);
  if (sender === undefined) {
    return;
  }
  const isLocal = serverNameOf(sender) === house.settings.serverName;
  const account = isLocal ? await house.findAccount(sender) : undefined;
  const protection = house.roles.protection({ name: sender, admin: account?.admin ?? false });
  if (protection !== undefined) {
    throw new ProtectedError(
      `${sender} ${protection}`,
      'No rule acts on who is protected. Nothing was changed.',
    );
  }
}

async function wasAsked({ store }: House, { invocation }: Parsed): Promise<boolean> {
  return (await store.confirmations.byEvent(invocation.origin.event)) !== undefined;
}

async function refuse(
  house: House,
  parsed: Parsed,
  error: unknown,
  record: (tables: StoreTables) => Promise<void>,
): Promise<void> {
  const { origin } = parsed.invocation;
  await house.store.transaction(async (tables) => {
    await record(tables);
    const audit = await auditRefusal(house, tables, parsed, error);
    await post(house, tables, 'answer', {
      kind: 'reply',
      origin,
      reply: refusalReply(house, parsed.command.name, error, audit),
    });
  });
  house.deliver(origin.event);
}

function parsedCall(
  house: House,
  { rule, item, at, command, values, reason, forMs }: RuleCall,
): Parsed {
  const invocation: Invocation = {
    command: command.name,
    arguments: values,
    reason: reason ?? `report #${item.id}`,
    dryRun: false,
    ...(forMs === undefined ? {} : { forMs }),
    actor: { kind: 'rule', name: rule },
    origin: {
      // No event of the room, whose IDs hold no blanks: under it the line is run once, and answered.
      event: `$ rule ${rule} ${item.id} ${at}` as EventId,
      room: house.settings.managementRoom,
      card: item.id,
    },
    item: item.id,
  };
  return { command, invocation, danger: dangerOfInvocation(command, invocation) };
}
