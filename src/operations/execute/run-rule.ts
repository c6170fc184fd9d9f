import type { Command } from '../../chat/command/declaration.ts';
import type { Invocation, Json } from '../../chat/command/invocation.ts';
import { subjectOf } from '../../chat/command/properties.ts';
import { ProtectedError, StoreError, UnreachableError, codeOf } from '../../core/errors.ts';
import { parseUserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { present } from '../../core/present.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import { postRefusal } from '../answer/refusal.ts';
import type { PostRefusalContext } from '../answer/refusal.ts';
import { onOfNew } from '../at-homeserver.ts';
import { authorize, protectionOf } from '../authorize/authorize.ts';
import type { AuthorizeContext, ProtectionContext } from '../authorize/authorize.ts';
import { ask, policyFor, start } from '../confirm/confirm.ts';
import type { AskContext, StartContext } from '../confirm/confirm.ts';
import { syntheticEvent } from '../management-room.ts';
import type { SendPermission } from '../management-room.ts';
import { resolve } from '../resolve/resolve.ts';
import type { ResolveContext } from '../resolve/resolve.ts';
import type { Settings } from '../settings.ts';
import { dangerOfInvocation } from '../stages.ts';
import type { Parsed, Resolved } from '../stages.ts';
import { logFault } from './attempt.ts';
import { execute } from './execute.ts';
import type { ExecuteContext } from './execute.ts';

/** What running a line of a rule needs. */
export type RuleContext = ProtectionContext &
  AuthorizeContext &
  ResolveContext &
  AskContext &
  StartContext &
  ExecuteContext &
  PostRefusalContext & {
    readonly store: Pick<Store, 'confirmations'>;
    readonly settings: Pick<Settings, 'managementRoom' | 'proposalExpiresAfterMs'>;
    readonly sendPermission: Pick<SendPermission, 'whyMissing'>;
    readonly log: Pick<Log, 'warn'>;
  };

/** What one line of a rule asks for, about a report that the rule matches. */
export interface RuleCall {
  readonly rule: string;
  readonly item: Pick<ReportItem, 'id' | 'sender'>;
  /** Its place among the rule's lines. */
  readonly at: number;
  readonly command: Command;
  readonly values: Readonly<Record<string, Json>>;
  readonly reason: string | undefined;
  /** As in `Invocation`. */
  readonly on?: string | undefined;
  /** Milliseconds. */
  readonly forMs: number | undefined;
}

/**
 * Runs a line of a rule, or proposes it to those who may confirm it. It passes the same stages as every
 * command. Rules may do less than any moderator: nothing to protected users, and nothing that is for admins.
 *
 * @param record is committed with the start, the confirmation or the refusal
 * @throws UnreachableError, StoreError nothing was started; try again
 */
export async function runRuleLine(
  context: RuleContext,
  call: RuleCall,
  mode: 'act' | 'propose',
  record: (tables: StoreTables) => Promise<void>,
): Promise<void> {
  if (context.sendPermission.whyMissing() !== undefined) {
    throw new UnreachableError(`rule ${call.rule}`, 'does not let the bot send messages', false);
  }
  const parsed = parsedCall(context.settings, call);
  const cause = async (tables: StoreTables) => {
    await record(tables);
    return true;
  };
  try {
    await assertUnprotected(context, call);
    const resolved = await resolve(context, authorize(context, parsed));
    if (await wasAsked(context, parsed)) {
      // It was asked before a crash: people decide about that confirmation, and the rule does nothing more.
      return;
    }
    // If a second person must agree, or the line stands for more than it names, a rule can only propose.
    if (
      mode === 'propose' ||
      policyFor(parsed.danger, context.settings) === 'other' ||
      standsForOthers(resolved)
    ) {
      const expiresAfterMs = context.settings.proposalExpiresAfterMs;
      await ask(context, resolved, { expiresAfterMs, cause });
      return;
    }
    const confirmed = await start(context, resolved, undefined, cause);
    if (confirmed !== undefined) {
      await execute(context, confirmed);
    }
  } catch (error) {
    if (error instanceof UnreachableError || error instanceof StoreError) {
      throw error;
    }
    logFault(context.log, parsed.command.name, error);
    context.log.warn({ rule: call.rule, code: codeOf(error) }, 'a rule could not act');
    const { origin } = parsed.invocation;
    await context.store.transaction(async (tables) => {
      await record(tables);
      const { command } = parsed.invocation;
      await postRefusal(context, tables, { command, origin, parsed, error });
    });
    context.deliver(origin.event);
  }
}

/** @throws ProtectedError the reported sender is protected: no rule does anything about them */
async function assertUnprotected(context: ProtectionContext, { item }: RuleCall): Promise<void> {
  const sender = item.sender === null ? undefined : parseUserId(item.sender);
  const protection = sender && (await protectionOf(context, sender));
  if (protection !== undefined) {
    throw new ProtectedError(
      `${sender} ${protection}`,
      'Rules never act on protected users. Nothing was changed.',
    );
  }
}

/**
 * Whether the line does something destructive to more than what it names, such as the rooms of a space. All rooms of
 * a reported user don't count: they are about that user alone.
 */
function standsForOthers({ command, danger, typed }: Resolved): boolean {
  return danger === 'destructive' && typed !== undefined && subjectOf(command) === undefined;
}

async function wasAsked(
  { store }: { readonly store: Pick<Store, 'confirmations'> },
  { invocation }: Parsed,
): Promise<boolean> {
  return (await store.confirmations.byEvent(invocation.origin.event)) !== undefined;
}

function parsedCall(
  settings: Pick<Settings, 'homeservers' | 'managementRoom' | 'unnamedServer'>,
  { rule, item, at, command, values, reason, forMs, ...given }: RuleCall,
): Parsed {
  const { managementRoom } = settings;
  const on = onOfNew({ settings }, { command, values }, given.on);
  const invocation: Invocation = {
    command: command.name,
    arguments: values,
    reason: reason ?? `report #${item.id}`,
    dryRun: false,
    ...present({ on, forMs }),
    actor: { kind: 'rule', name: rule },
    origin: {
      // The line runs once under this ID.
      event: syntheticEvent(`rule ${rule} ${item.id} ${at}`),
      room: managementRoom,
      card: item.id,
    },
    item: item.id,
  };
  return { command, invocation, danger: dangerOfInvocation(command, invocation) };
}
