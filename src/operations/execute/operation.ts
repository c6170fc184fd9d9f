import type { Answer, Status } from '../../chat/answers/answer.ts';
import type { Command, Danger, Role, Step } from '../../chat/command/declaration.ts';
import type { Invocation, LeftOut } from '../../chat/command/invocation.ts';
import type { UserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import type { Account } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import type { OperationTarget } from '../../store/tables/operations/operation-targets.ts';
import type { Operation } from '../../store/tables/operations/operations.ts';
import type { Timer } from '../../store/tables/operations/timers.ts';
import { parsedOf, targetsOf } from '../stages.ts';
import type { Next, Parsed, ParsedContext, Resolved } from '../stages.ts';

/** How an operation has ended for a target, as far as is known. */
export type AttemptStatus = Extract<Status, 'done' | 'failed' | 'partial' | 'running' | 'unknown'>;

/** A timer, and when it runs, in milliseconds since 1970. */
type Scheduled = Pick<Timer, 'id' | 'runAt'>;

/** What was done to one account, or altogether if the command acts on no accounts. */
export interface Attempt {
  readonly target: string | undefined;
  readonly audit: number | undefined;
  readonly status: AttemptStatus;
  /** Its outcome is not known yet: the homeserver will be asked again. */
  readonly isOpen?: boolean;
  /** The step, if the command has several. */
  readonly step?: string;
  /** The command, if it is not the operation's own. */
  readonly command?: string;
  /** If it was done in this process. */
  readonly answer?: Answer;
  /** What a step did. */
  readonly did?: string;
  /** Why it failed, if an earlier process recorded that. */
  readonly why?: string | undefined;
  readonly error?: unknown;
  readonly tookMs?: number;
  /** The command line that undoes it. */
  readonly undo?: string | undefined;
  /** The line with which a timer ends what was so already, and was to end at another time. */
  readonly ends?: string | undefined;
  /** The timer that would have ended it, and no longer does. It may still end other things. */
  readonly insteadOf?: Scheduled;
  /** It had nothing to do, because everything was done already. */
  readonly wasSo?: true | undefined;
  /** The ID of the homeserver's own job that does it. */
  readonly serverJob?: string | undefined;
  /** The timer that will undo it. */
  readonly timer?: Scheduled;
  /** Timers that would have undone it earlier, and no longer will. */
  readonly stopped?: readonly (Scheduled & Pick<Timer, 'line'>)[];
  /** The timer that still undoes it, because a rule must not shorten it. */
  readonly kept?: Scheduled;
}

/** An operation that runs, in memory. */
export interface RunningOperation {
  readonly id: number;
  readonly command: Command;
  readonly danger: Danger;
  readonly invocation: Invocation;
  readonly role: Role;
  /** Who confirmed it; undefined if nobody was asked. */
  readonly confirmer: UserId | undefined;
  readonly units: readonly Unit[];
  /** Targets that nothing is done to, and why. */
  readonly leftOut: LeftOut[];
  /** It was started by an earlier process, or its outcome was not known then. */
  readonly isResumed: boolean;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Its answer shows how it ended, as far as is known. */
  isTold: boolean;
  /** The homeservers that don't answer: what is to be done there is begun later. Undefined if there is only one. */
  readonly waitsFor: Set<string | undefined>;
}

/** Everybody who must agree has agreed, and its start is committed. Only `confirm` makes one. */
export type Confirmed = Next<Resolved, 'confirmed'> & {
  readonly confirmer: UserId | undefined;
  /** The operation; undefined for what changes nothing. */
  readonly operation: RunningOperation | undefined;
};

/** One step that is done to one target: what has an audit entry of its own. */
export interface Unit {
  readonly position: number;
  readonly step: number;
  /** Undefined for a command without targets. */
  readonly target: UserId | undefined;
  /** What it carries out, if that is not the operation's own command: a part of an undo. */
  readonly part: Parsed | undefined;
  /** The account as it was just before; undefined until it is looked up. */
  account: Account | undefined;
  /** What it was like before the operation, if an earlier process has begun with it. */
  readonly before: Before | undefined;
  /** Its audit entry; undefined until it is begun. */
  intent: number | undefined;
  /**
   * An earlier process began it. It is reconciled, and called again only if it is known not to have
   * arrived.
   */
  readonly wasBegun: boolean;
  /** The homeserver's own job that does it. */
  serverJob: string | undefined;
  /** What the homeserver's own job does, for the answer, if an earlier process started it. */
  readonly did: string | undefined;
  /** How it ended, as far as is known; undefined while it is not. */
  attempt: Attempt | undefined;
  /** Why nothing is done, if it is left out: the rest of a sentence that begins with the target. */
  leftOut: string | undefined;
}

/** What an operation may change of an account. */
export type Before = Pick<Account, 'deactivated' | 'locked' | 'shadowBanned' | 'suspended'>;

export function beforeOf({ deactivated, locked, shadowBanned, suspended }: Account): Before {
  return { deactivated, locked, shadowBanned, suspended };
}

/** Why a unit is left out if somebody has stopped the operation. It is stored, and read after a restart. */
export const notBegunBeforeStop = 'was not begun when this was stopped';

/** What was not begun because somebody stopped the operation. */
export function keptBackByStop({ units = [] }: Partial<Pick<RunningOperation, 'units'>>): Unit[] {
  return units.filter(({ leftOut }) => leftOut === notBegunBeforeStop);
}

/** Whether something was left out while it ran. */
export function isCut({ units = [] }: Partial<Pick<RunningOperation, 'units'>>): boolean {
  return units.some(({ leftOut }) => leftOut !== undefined);
}

/** The steps of a command. Most have one, which is the command itself. */
export function stepsOf(
  command: Command,
  args: Readonly<Record<string, unknown>>,
): readonly (Step | undefined)[] {
  return command.steps?.(args) ?? [undefined];
}

/** Whether it is one unit that has an answer of its own, and so is told like a command without steps. */
export function isAlone(
  { units }: Pick<RunningOperation, 'units'>,
  step: Pick<Step, 'answer'> | undefined,
): boolean {
  return units.length === 1 && (step === undefined || step.answer !== undefined);
}

/** Which of its command's steps a unit carries out, counted from 0. Each part of an undo is one step. */
export function stepIndexOf({ part, step }: Pick<Unit, 'part' | 'step'>): number {
  return part === undefined ? step : 0;
}

/** Such as `suspend`; the command, for a part of an undo; undefined if there is only one step. */
export function stepNameOf(
  { command, invocation }: Pick<RunningOperation, 'command' | 'invocation'>,
  { part, step }: Pick<Unit, 'part' | 'step'>,
): string | undefined {
  return part?.command.name ?? stepsOf(command, invocation.arguments)[step]?.name;
}

/** The command that a unit carries out: the operation's own, or a part of it. */
export function taskOf(
  operation: RunningOperation,
  { part }: Pick<Unit, 'part'>,
): RunningOperation {
  return part === undefined ? operation : { ...operation, ...part };
}

type NewUnit = Pick<Unit, 'position' | 'step' | 'target' | 'account' | 'part'>;

/** What a new operation consists of, in the order in which it is done. */
export function unitsOf(
  resolved: Pick<Resolved, 'command' | 'invocation' | 'accounts'> &
    Partial<Pick<Resolved, 'parts'>>,
): NewUnit[] {
  const { command, invocation, accounts, parts } = resolved;
  if (parts !== undefined) {
    return unitsOfParts(parts);
  }
  const byName = new Map(accounts.map((account) => [account.name, account]));
  const targets = accounts.length > 0 ? accounts.map(({ name }) => name) : targetsOf(resolved);
  const steps = stepsOf(command, invocation.arguments);
  return (targets.length === 0 ? [undefined] : targets).flatMap((target, position) =>
    steps.map((_, step) => ({
      position,
      step,
      target,
      account: target === undefined ? undefined : byName.get(target),
      part: undefined,
    })),
  );
}

/** The parts of an undo: those of the same account one after another, as the steps of a target are. */
function unitsOfParts(parts: readonly Parsed[]): NewUnit[] {
  const targets = parts.map((part) => targetsOf(part)[0]);
  const groups = Map.groupBy(parts.keys(), (at) => targets[at] ?? at);
  return [...groups.values()].flatMap((group, position) =>
    group.map((at, step) => ({
      position,
      step,
      target: targets[at],
      // What was undone before has changed it: each is looked up just before.
      account: undefined,
      part: parts[at],
    })),
  );
}

/** The operation that has just been started, with what it consists of. */
export function newOperation(
  resolved: Resolved,
  id: number,
  confirmer: UserId | undefined,
  units: ReturnType<typeof unitsOf>,
  startedAt: number,
): RunningOperation {
  const { command, danger, invocation, role, leftOut } = resolved;
  return {
    id,
    command,
    danger,
    invocation,
    role,
    confirmer,
    leftOut: [...(invocation.leftOut ?? []), ...leftOut],
    isResumed: false,
    startedAt,
    isTold: false,
    waitsFor: new Set(),
    units: units.map((unit) => ({
      ...unit,
      intent: undefined,
      wasBegun: false,
      before: undefined,
      serverJob: undefined,
      did: undefined,
      attempt: undefined,
      leftOut: undefined,
    })),
  };
}

/**
 * Reads an operation that an earlier process started, or whose outcome was not known.
 *
 * @throws TargetError its command no longer exists
 */
export async function loadOperation(
  context: ParsedContext & {
    readonly store: Pick<Store, 'auditLog' | 'operationTargets'>;
  },
  stored: Operation,
): Promise<RunningOperation> {
  const { operationTargets, auditLog } = context.store;
  const parsed = parsedOf(context, stored);
  const parts = new Map(
    (parsed.parts === undefined ? [] : unitsOfParts(parsed.parts)).map((unit) => [
      `${unit.position} ${unit.step}`,
      unit.part,
    ]),
  );
  const targets = await operationTargets.of(stored.id);
  const rows = targets.length > 0 ? targets : await rowsFromAuditLog(auditLog, stored, parsed);
  const steps = stepsOf(parsed.command, parsed.invocation.arguments);
  const before = new Map(
    rows.flatMap((row) =>
      row.before === undefined ? [] : [[row.position, JSON.parse(row.before) as Before]],
    ),
  );
  return {
    id: stored.id,
    command: parsed.command,
    danger: parsed.danger,
    invocation: parsed.invocation,
    role: 'moderator',
    confirmer: (stored.confirmer ?? undefined) as UserId | undefined,
    leftOut: [
      ...(parsed.invocation.leftOut ?? []),
      ...rows.flatMap(({ state, target, detail, step }) =>
        state === 'skipped' && target !== undefined && (step === 0 || parsed.parts !== undefined)
          ? [{ user: target as UserId, why: detail ?? 'was left out' }]
          : [],
      ),
    ],
    isResumed: true,
    startedAt: stored.startedAt ?? 0,
    isTold: false,
    waitsFor: new Set(),
    units: rows.map((row) => {
      const part = parts.get(`${row.position} ${row.step}`);
      return {
        position: row.position,
        step: row.step,
        target: row.target as UserId | undefined,
        part,
        account: undefined,
        before: before.get(row.position),
        intent: row.intent,
        wasBegun: row.state === 'in_flight',
        serverJob: row.serverJob,
        did: row.state === 'in_flight' ? row.detail : undefined,
        attempt: attemptOf(row, { step: steps[row.step]?.name, command: part?.command.name }),
        leftOut: row.state === 'skipped' ? (row.detail ?? 'was left out') : undefined,
      };
    }),
  };
}

/** How a target ended whose end an earlier process has recorded. */
function attemptOf(
  { state, target, intent, detail }: OperationTarget,
  { step, command }: Record<'command' | 'step', string | undefined>,
): Attempt | undefined {
  return state === 'done' || state === 'partial' || state === 'failed' || state === 'unknown'
    ? {
        target,
        audit: intent,
        status: state,
        ...present(
          state === 'done' ? { step, command, did: detail } : { step, command, why: detail },
        ),
      }
    : undefined;
}

/** The targets of an operation that a version before 0.14 started: it did not store them. */
async function rowsFromAuditLog(
  auditLog: Pick<Store['auditLog'], 'search'>,
  { eventId }: Operation,
  parsed: ReturnType<typeof parsedOf>,
): Promise<OperationTarget[]> {
  const entries = await auditLog.search({ eventId, limit: 10_000 });
  const byTarget = new Map(entries.map((entry) => [entry.target, entry]));
  const targets = targetsOf(parsed);
  const [only] = entries;
  return (targets.length === 0 ? [undefined] : targets).map((target, position) => {
    const entry = target === undefined ? only : byTarget.get(target);
    const isFinal = entry?.status === 'done' || entry?.status === 'failed';
    return {
      position,
      step: 0,
      target,
      intent: entry?.id,
      serverJob: undefined,
      detail: undefined,
      before: undefined,
      state: entry === undefined ? 'waiting' : isFinal ? entry.status : 'in_flight',
    };
  });
}
