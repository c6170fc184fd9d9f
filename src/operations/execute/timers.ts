import type { Command } from '../../chat/command/declaration.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import { canEnd, dangerOf, subjectOf } from '../../chat/command/properties.ts';
import type { StoreTables } from '../../store/store.ts';
import { stepOf } from '../../store/tables/audit/audit-log.ts';
import type { AuditEntry } from '../../store/tables/audit/audit-log.ts';
import type { Timer, Timers } from '../../store/tables/operations/timers.ts';
import { formerFirst } from '../at-homeserver.ts';
import { inForce } from '../parse/undo/changed-since.ts';
import { endOf, maxTogether } from '../parse/undo/undo-of.ts';
import type { Settings } from '../settings.ts';
import { otherTarget } from '../stages.ts';
import type { Parsed } from '../stages.ts';
import type { Attempt, RunningOperation, Unit } from './operation.ts';

/** A command, and who runs it. */
interface Run {
  readonly command: Command;
  readonly invocation: Invocation;
}

/**
 * The scheduled timers that end what this command does to an account, or that run this command on it,
 * without the timer that runs it now.
 */
export async function timersOf(
  timers: Pick<Timers, 'scheduledFor'>,
  { command, invocation }: Run,
  account: string,
): Promise<Timer[]> {
  const { actor } = invocation;
  const rooms = roomsOf(command, invocation);
  const scheduled = await timers.scheduledFor(account);
  return scheduled.filter(
    ({ id, line, action }) =>
      (action === command.name || line.split(' ', 1)[0] === command.name) &&
      // In another room, it is about something else.
      rooms.every((room) => line.split(' ').includes(room)) &&
      !(actor.kind === 'timer' && actor.timer === id),
  );
}

/** The rooms in which a command does something to an account. */
function roomsOf(command: Command, { arguments: given }: Pick<Invocation, 'arguments'>): string[] {
  return subjectOf(command) === undefined
    ? []
    : Object.entries(command.args).flatMap(([key, { kind }]) =>
        kind === 'room' ? ([given[key] ?? []].flat() as string[]) : [],
      );
}

/** Whether a timer can end what this command does, or run the command. */
export function isTimed({ command, invocation }: Pick<Parsed, 'command' | 'invocation'>): boolean {
  return canEnd(command) || dangerOf(command, invocation.arguments) === 'change';
}

/**
 * Updates the timers of an account after an operation: stops the timers of older operations, and stores a
 * timer that undoes this one if it was asked for only for a time. A state that was there before, without
 * a timer, has no end.
 *
 * @returns what the answer says about timers
 */
export async function updateTimers(
  context: {
    readonly settings: Pick<Settings, 'botUser' | 'homeservers' | 'unnamedServer'>;
    now(): number;
  },
  { timers }: Pick<StoreTables, 'timers'>,
  run: Run,
  { status, target, undo, audit }: Attempt,
): Promise<Pick<Attempt, 'timer' | 'stopped' | 'kept'>> {
  // What was done in part, and can be taken back, ends, too.
  const canBeTimed = status === 'done' || (status === 'partial' && undo !== undefined);
  if (!canBeTimed || audit === undefined) {
    return {};
  }
  const { actor, forMs, origin } = run.invocation;
  // As the audit entries of the older actions have it: an account, a room or a file.
  const subject = target ?? otherTarget(run);
  // Each of several files may have a timer of its own.
  const subjects = subject?.startsWith('mxc://') === true ? subject.split(' ') : [subject];
  const older: Timer[] = [];
  // An older timer may end what was not done now.
  for (const one of status === 'done' ? subjects : []) {
    const found = one === null || one === undefined ? [] : await timersOf(timers, run, one);
    older.push(
      ...found.filter(
        ({ intentId, line }) => intentId < audit && isThere(context, { line, about: one }, run),
      ),
    );
  }
  const createdAt = context.now();
  const runAt = createdAt + (forMs ?? 0);
  // A rule never shortens what somebody has decided.
  const kept =
    actor.kind === 'rule' && forMs !== undefined && undo === undefined
      ? older.find((timer) => timer.runAt >= runAt)
      : undefined;
  if (kept !== undefined) {
    return { kept };
  }
  for (const { id } of older) {
    await timers.end(id, 'stopped', createdAt);
  }
  const stopped = older.length === 0 ? {} : { stopped: older };
  const line = undo ?? older[0]?.line;
  if (forMs === undefined || line === undefined) {
    return stopped;
  }
  const id = await timers.add({
    line,
    runAt,
    askedBy: actor.kind === 'rule' ? context.settings.botUser : actor.user,
    intentId: audit,
    eventId: origin.event,
    roomId: origin.room,
    createdAt,
  });
  return { ...stopped, timer: { id, runAt } };
}

/**
 * Stops the timers that would take back what a step has done or found done, because it does the same as the command of
 * its name: an account that a takedown suspends stays suspended, although it was suspended for a time before.
 *
 * @returns what the answer says about timers
 */
export async function stopTimersOfStep(
  context: { now(): number },
  { timers }: Pick<StoreTables, 'timers'>,
  { command }: Pick<Run, 'command'>,
  { status, target, step, audit }: Attempt,
): Promise<Pick<Attempt, 'stopped'>> {
  const isStep = step !== undefined && command.stepsAreRooms !== true;
  if (status !== 'done' || !isStep || target === undefined || audit === undefined) {
    return {};
  }
  const scheduled = await timers.scheduledFor(target);
  const older = scheduled.filter(({ action, intentId }) => action === step && intentId < audit);
  for (const { id } of older) {
    await timers.end(id, 'stopped', context.now());
  }
  return older.length === 0 ? {} : { stopped: older };
}

/** Whether the line of a timer is about the homeserver of a command: the same room can be blocked on several. */
function isThere(
  { settings }: { readonly settings: Pick<Settings, 'homeservers' | 'unnamedServer'> },
  { line, about }: { readonly line: string; readonly about: string | null | undefined },
  { invocation }: Run,
): boolean {
  const unnamed = formerFirst(settings) ?? settings.homeservers[0]?.serverName;
  const [, on = unnamed] = / --on=(\S+)/u.exec(line) ?? [];
  // The ID of an account says where it is.
  return about?.startsWith('@') === true || on === (invocation.on ?? unnamed);
}

/**
 * Stores the timer that undoes all that an operation has done, if it was asked for only for a time and its
 * steps end together. The first attempt that it takes back gets it, for the answer.
 */
export async function scheduleEnd(
  context: { readonly settings: Pick<Settings, 'botUser'>; now(): number },
  { auditLog, timers }: Pick<StoreTables, 'auditLog' | 'timers'>,
  operation: Pick<RunningOperation, 'command' | 'id' | 'invocation' | 'units'>,
): Promise<void> {
  const { id, command, invocation, units } = operation;
  const { actor, forMs, origin } = invocation;
  if (command.endsTogether !== true || forMs === undefined) {
    return;
  }
  const first = await firstWithUndo(auditLog, units);
  if (first?.attempt === undefined || first.intent === undefined) {
    return;
  }
  const line = `undo --operation ${id}`;
  const createdAt = context.now();
  const runAt = createdAt + forMs;
  const timer = {
    line,
    runAt,
    askedBy: actor.kind === 'rule' ? context.settings.botUser : actor.user,
    intentId: first.intent,
    eventId: origin.event,
    roomId: origin.room,
    createdAt,
  };
  // There is one, however often the end is recorded.
  const earlier = (await timers.ofEvent(origin.event)).find((one) => one.line === line);
  first.attempt = {
    ...first.attempt,
    timer: earlier ?? { id: await timers.add(timer), runAt },
  };
}

/** The first unit that can be undone. What an earlier process did is only known from the audit log. */
async function firstWithUndo(
  auditLog: Pick<StoreTables['auditLog'], 'get'>,
  units: readonly Unit[],
): Promise<Unit | undefined> {
  for (const unit of units) {
    if (unit.attempt?.status !== 'done' || unit.intent === undefined) {
      continue;
    }
    const known = unit.attempt.undo ?? unit.attempt.ends;
    const entry = known === undefined ? await auditLog.get(unit.intent) : undefined;
    if (known !== undefined || (entry !== undefined && endOf(entry) !== undefined)) {
      return unit;
    }
  }
  return undefined;
}

/** The line of a timer that takes back a whole operation. */
const wholeLine = /^undo --operation (\d+)$/u;

type WholeTables = Pick<StoreTables, 'auditLog' | 'operations' | 'timers'>;

/**
 * The scheduled timers that take back a whole operation, and what it has done.
 *
 * @param only the entries that are wanted; all by default
 */
async function wholeTimers(
  { auditLog, operations, timers }: WholeTables,
  only: { readonly target?: string; readonly command?: string } = {},
): Promise<{ readonly timer: Timer; readonly entries: readonly AuditEntry[] }[]> {
  const found = [];
  for (const timer of await timers.scheduledWith('undo --operation')) {
    const [, id] = wholeLine.exec(timer.line) ?? [];
    const operation = id === undefined ? undefined : await operations.get(Number(id));
    if (operation !== undefined) {
      const { eventId } = operation;
      const entries = await auditLog.search({ ...only, eventId, limit: maxTogether });
      found.push({ timer, entries });
    }
  }
  return found;
}

/**
 * If somebody asks for what was so already, and was to end by a timer, this command decides when it ends: at the
 * time that it gives, or never. A rule changes nothing of what somebody has decided.
 *
 * @returns the attempt with the timer that no longer ends it, and the line with which another one does
 */
export async function takeOver(
  tables: WholeTables,
  { command, invocation }: Run,
  attempt: Attempt,
): Promise<Attempt> {
  const { target, step, wasSo, status } = attempt;
  const mayTakeOver =
    command.endsTogether === true &&
    invocation.actor.kind !== 'rule' &&
    status === 'done' &&
    wasSo === true;
  if (!mayTakeOver || target === undefined) {
    return attempt;
  }
  for (const { timer, entries } of await wholeTimers(tables, { target, command: command.name })) {
    const same = entries.filter((entry) => stepOf(entry) === step);
    const [entry] = await inForce(tables.auditLog, same, invocation.origin.event);
    if (entry !== undefined) {
      const ends = invocation.forMs === undefined ? undefined : endOf(entry);
      return { ...attempt, ends, insteadOf: timer };
    }
  }
  return attempt;
}

/**
 * Stops the timers that have nothing left to take back, because this operation has changed all of it. The first
 * attempt has them, for the answer.
 */
export async function stopSpent(
  context: { now(): number },
  tables: WholeTables,
  { command, units }: Pick<RunningOperation, 'command' | 'units'>,
): Promise<void> {
  const rooms = [command, ...units.map(({ part }) => part?.command)].some(
    (one) => one?.stepsAreRooms === true,
  );
  const first = units.find(({ attempt }) => attempt?.status === 'done');
  if (!rooms || first?.attempt === undefined) {
    return;
  }
  const targets = new Set(units.map(({ target }) => target as string | undefined));
  const stopped: Timer[] = [];
  for (const { timer, entries } of await wholeTimers(tables)) {
    const isAbout = entries.some(({ target }) => targets.has(target ?? undefined));
    if (isAbout && (await inForce(tables.auditLog, entries)).length === 0) {
      await tables.timers.end(timer.id, 'stopped', context.now());
      stopped.push(timer);
    }
  }
  if (stopped.length > 0) {
    first.attempt = { ...first.attempt, stopped };
  }
}
