import { createHash } from 'node:crypto';

import { z } from 'zod';

import type { Absent } from '../chat/answers/absent.ts';
import type { AnswerFile, Preview } from '../chat/answers/answer.ts';
import { dangers } from '../chat/command/declaration.ts';
import type { Command, Context, Danger, Registry, Role } from '../chat/command/declaration.ts';
import { actorName } from '../chat/command/invocation.ts';
import type { Invocation, Json, LeftOut } from '../chat/command/invocation.ts';
import { asksHomeserver } from '../chat/command/on-homeserver.ts';
import { dangerOf, subjectOf, withDefaults } from '../chat/command/properties.ts';
import { writeValue } from '../chat/command/write-invocation.ts';
import { reasonOfUndo } from '../chat/reading/entry-number.ts';
import { writeDuration } from '../core/duration.ts';
import { TargetError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import { present } from '../core/present.ts';
import type { Account, AccountFilter, Services } from '../services/services.ts';
import type { Intent } from '../store/tables/audit/audit-log.ts';
import { at, serverFor } from './at-homeserver.ts';
import type { HomeserversContext } from './at-homeserver.ts';
import type { Settings } from './settings.ts';

declare const stage: unique symbol;
interface Stage<Name extends string> {
  readonly [stage]: Name;
}

/** What has passed the next stage. */
export type Next<Before extends Stage<string>, Name extends string> = Omit<Before, typeof stage> &
  Stage<Name>;

/** A message that was read as a command. */
export interface Parsed {
  readonly command: Command;
  readonly danger: Danger;
  readonly invocation: Invocation;
  /** The arguments as they were typed, if some have just been replaced by what they stand for. */
  readonly typed?: Invocation['arguments'];
  /** Accounts that were typed as plain words, without `@`: each may be a word of prose. */
  readonly plainWords?: ReadonlySet<UserId>;
  /** The lines of the file that name accounts. */
  readonly fileLines?: ReadonlyMap<UserId, number>;
  /** How many other accounts that file names as done: see `readUserFile`. */
  readonly fileDone?: number;
  /** The accounts to search for, which are added to those named. */
  readonly matching?: AccountFilter;
  /** The commands that it consists of, if it undoes an operation: one for each reversal, in their order. */
  readonly parts?: readonly Parsed[];
  /** What it does not take back of that operation. Known only while it is read. */
  readonly staying?: Staying;
}

/** What an undo leaves as it is. */
export interface Staying {
  readonly leftOut: readonly LeftOut[];
  /** What can't be taken back: by command or step, how many times it was done. */
  readonly permanent: ReadonlyMap<string, number>;
  /** What found everything done already, and so has nothing to take back: the same. */
  readonly inVain: ReadonlyMap<string, number>;
}

/** Whoever asks for it may do so. Only `authorize` makes one. */
export type Authorized = Parsed & Stage<'authorized'> & { readonly role: Role };

/** Its accounts exist, belong to this server, and may be touched. Only `resolve` makes one. */
export type Resolved = Next<Authorized, 'resolved'> & {
  /** The accounts that it acts on, in the order given; empty if it acts on none. */
  readonly accounts: readonly Account[];
  /** Accounts that were named and are not acted on. */
  readonly leftOut: readonly LeftOut[];
  /** The users and rooms that a read asks about and that this server does not have. */
  readonly absent: readonly Absent[];
};

/** What a person is shown before they confirm, and what exactly will be done then. */
export interface Shown {
  readonly preview: Preview;
  /** The accounts that were shown, without those that are left out. */
  readonly resolved: Resolved;
  /** The list of accounts or rooms, if it is too long for a message. */
  readonly file?: AnswerFile;
}

/** Marks a value as having passed a stage. Only stages call this. */
export function passed<Value>(value: Omit<Value, typeof stage>): Value {
  return value as Value;
}

/** The same command with fewer accounts. */
export function narrow(
  resolved: Resolved,
  accounts: readonly Account[],
  leftOut: readonly LeftOut[],
): Resolved {
  const { command, invocation } = resolved;
  const subject = subjectOf(command);
  if (subject === undefined || !Array.isArray(invocation.arguments[subject])) {
    return resolved;
  }
  const names = accounts.map(({ name }) => name);
  return passed<Resolved>({
    ...resolved,
    invocation: { ...invocation, arguments: { ...invocation.arguments, [subject]: names } },
    accounts,
    leftOut,
  });
}

/** The accounts that a command names. */
export function targetsOf({
  command,
  invocation,
}: Pick<Parsed, 'command' | 'invocation'>): UserId[] {
  const given = invocation.arguments[subjectOf(command) ?? ''];
  return given === undefined ? [] : ([given].flat() as UserId[]);
}

/** Overriding protection is critical, however harmless the command is otherwise. */
export function dangerOfInvocation(command: Command, invocation: Invocation): Danger {
  if (invocation.overrideProtection === true) {
    return 'critical';
  }
  const { arguments: given, matching } = invocation;
  const subject = subjectOf(command);
  // What the filters find counts as named, before the search, too.
  const isToBeFound =
    matching !== undefined &&
    subject !== undefined &&
    targetsOf({ command, invocation }).length === 0;
  return dangerOf(command, isToBeFound ? { ...given, [subject]: [matching] } : given);
}

/** What every stored invocation contains, whatever its command. */
export const invocationForm = z.looseObject({
  command: z.string(),
  arguments: z.record(z.string(), z.unknown()),
  actor: z.looseObject({ kind: z.enum(['person', 'rule', 'timer']) }),
  origin: z.looseObject({ event: z.string(), room: z.string() }),
});

/** What reading a stored operation needs. */
export interface ParsedContext {
  readonly registry: Pick<Registry, 'find'>;
}

/** Reads a stored invocation; undefined if the row is damaged, so that it does no harm to other rows. */
export function readInvocation(text: string): Invocation | undefined {
  try {
    const read = invocationForm.safeParse(JSON.parse(text));
    return read.success ? (read.data as unknown as Invocation) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads the command that a stored confirmation or operation is about.
 *
 * @throws TargetError the command doesn't exist any more, or an older version stored it without a time
 */
export function parsedOf(
  { registry }: ParsedContext,
  stored: { readonly invocation: string; readonly command: string },
): Parsed {
  const invocation = JSON.parse(stored.invocation) as Invocation;
  const command = registry.find(stored.command);
  if (command === undefined) {
    throw new TargetError('unknown', `the command ${stored.command} no longer exists`);
  }
  const missing = Object.entries(command.args).find(
    ([key, { kind, options }]) =>
      kind === 'date' && options.default !== undefined && invocation.arguments[key] === undefined,
  );
  if (missing !== undefined) {
    // An older version left such a time open. No time doesn't mean any time.
    throw new TargetError('state', `the time that ${stored.command} was meant for is unknown`);
  }
  return withParts(
    { registry },
    { command, invocation, danger: dangerOfInvocation(command, invocation) },
  );
}

/**
 * Adds the commands that an undo of an operation consists of. It is as dangerous as the most dangerous of them.
 *
 * @throws TargetError one of the commands no longer exists
 */
export function withParts({ registry }: ParsedContext, parsed: Parsed): Parsed {
  const { reversals, ...invocation } = parsed.invocation;
  if (reversals === undefined) {
    return parsed;
  }
  const parts = reversals.map(({ entry, command: name, arguments: given, on }): Parsed => {
    const command = registry.find(name);
    if (command === undefined) {
      throw new TargetError('unknown', `the command ${name} no longer exists`);
    }
    const part: Invocation = {
      ...invocation,
      command: command.name,
      arguments: given,
      reason: reasonOfUndo(entry, invocation.reason),
      ...present({ on }),
    };
    return { command, invocation: part, danger: dangerOfInvocation(command, part) };
  });
  const most = parts.reduce((rank, { danger }) => Math.max(rank, dangers.indexOf(danger)), 0);
  return {
    ...parsed,
    parts,
    danger: dangers[Math.max(most, dangers.indexOf(parsed.danger))] ?? parsed.danger,
  };
}

/** Which part of a command an audit entry is about. */
interface IntentPart {
  readonly account?: Pick<Account, 'name'> | undefined;
  readonly confirmer?: string | undefined;
  /** Which of its steps, counted from 0; undefined for the command as a whole. */
  readonly step?: number | undefined;
}

/** The audit entry of a command, for one of its targets. If there are several homeservers, it says which. */
export function intentFor(
  context: Pick<HomeserversContext, 'settings'>,
  parsed: Pick<Parsed, 'command' | 'invocation'>,
  { account, confirmer, step }: IntentPart = {},
): Intent {
  const { command, invocation } = parsed;
  const redacted = new Set(command.audit?.redact ?? []);
  const subject = subjectOf(command);
  const stepName =
    step === undefined
      ? undefined
      : command.steps?.(withDefaults(command, invocation.arguments))[step]?.name;
  const room = command.stepsAreRooms === true ? stepName : undefined;
  const keep = (name: string, value: Json) => {
    if (redacted.has(name)) {
      return '(not kept)';
    }
    // Each account and each room has an entry of its own: whole lists in each would grow quadratically.
    if (room !== undefined && command.args[name]?.kind === 'room') {
      return [room];
    }
    return name === subject && account !== undefined && Array.isArray(value)
      ? [account.name]
      : value;
  };
  return {
    actor: actorName(invocation.actor),
    confirmer,
    command: invocation.command,
    arguments: {
      ...Object.fromEntries(
        Object.entries(invocation.arguments).map(([name, value]) => [name, keep(name, value)]),
      ),
      ...present({
        on: asksHomeserver(command) ? serverFor(context, parsed, account?.name) : undefined,
        step: stepName,
        for: invocation.forMs === undefined ? undefined : writeDuration(invocation.forMs),
      }),
    },
    target: account?.name ?? room ?? otherTarget(parsed),
    reason: invocation.reason,
    eventId: invocation.origin.event,
    roomId: invocation.origin.room,
    itemId: invocation.item,
  };
}

/**
 * The target of a command without accounts, as the audit log names it: its first positional argument, or one that
 * replaces it. If the log must not hold that, what the command says instead.
 */
export function otherTarget({
  command,
  invocation,
}: Pick<Parsed, 'command' | 'invocation'>): string | undefined {
  const { redact = [], target } = command.audit ?? {};
  if (target !== undefined) {
    // A command that is refused may lack what it is about.
    const isWhole = Object.entries(command.args).every(
      ([key, { place, options }]) =>
        place !== 'positional' ||
        options.optional === true ||
        invocation.arguments[key] !== undefined,
    );
    return isWhole ? target(withDefaults(command, invocation.arguments)) : undefined;
  }
  const [key, first] =
    Object.entries(command.args).find(([, { place }]) => place === 'positional') ?? [];
  const { unless = [] } = first?.options ?? {};
  const valuesOf = (argument: string) =>
    [invocation.arguments[argument] ?? []].flat() as readonly Json[];
  const name = unless.find((other) => valuesOf(other).length > 0) ?? key ?? '';
  const given = valuesOf(name);
  if (given.length === 0 || redact.includes(name)) {
    return undefined;
  }
  const { kind } = command.args[name] ?? {};
  return given.map((value) => writeValue(kind, value)).join(' ');
}

/** What the context of a command is made from. */
export interface CommandContextParts extends HomeserversContext {
  readonly services: Services;
  readonly registry: Registry;
  readonly settings: Pick<Settings, 'botUser' | 'homeservers' | 'prefix' | 'serverName'>;
  now(): number;
}

/** What a command receives to work with, for one of its accounts. */
export function commandContextFor(
  context: CommandContextParts,
  resolved: Pick<Resolved, 'command' | 'invocation' | 'role'> &
    Partial<Pick<Resolved, 'absent' | 'typed'>>,
  account: Account | undefined,
): Context {
  const { command, invocation } = resolved;
  const subject = subjectOf(command);
  const { services, settings } = at(context, serverFor(context, resolved, account?.name), {
    forReading: dangerOfInvocation(command, invocation) === 'read',
  });
  return {
    args: {
      ...invocation.arguments,
      ...Object.fromEntries(
        Object.entries(command.args).map(([key, { options }]) => {
          const given = invocation.arguments[key];
          // An older version may have stored a single value.
          return [key, options.many === true ? [given ?? []].flat() : given];
        }),
      ),
      ...(subject === undefined ? {} : { [subject]: account }),
    },
    reason: invocation.reason,
    actor: invocation.actor,
    origin: invocation.origin,
    invocation,
    ...present({ typed: resolved.typed }),
    transactionId: transactionIdFor(invocation, account),
    services,
    absent: resolved.absent ?? [],
    registry: context.registry,
    role: resolved.role,
    prefix: settings.prefix,
    botUser: settings.botUser,
    serverName: settings.serverName,
    homeservers: settings.homeservers,
    now: context.now(),
    // For what is carried out, `contextOf` in `execute/attempt.ts` replaces this.
    protectedHashes: async () => {
      throw new TypeError('protected files are only known to what is carried out');
    },
    isProtected: async () => {
      throw new TypeError('protected files are only known to what is carried out');
    },
  };
}

/** The same each time, so that a request that is made again after a crash has no second effect. */
function transactionIdFor(
  { command, origin }: Resolved['invocation'],
  account: Account | undefined,
): string {
  return createHash('sha256')
    .update(JSON.stringify([origin.event, command, account?.name ?? null]))
    .digest('base64url');
}

/** One context for each account, or a single one if the command acts on no accounts. */
export function commandContextsFor(
  context: CommandContextParts,
  resolved: Pick<Resolved, 'command' | 'invocation' | 'role' | 'accounts'> &
    Partial<Pick<Resolved, 'absent' | 'typed'>>,
): Context[] {
  const accounts = resolved.accounts.length === 0 ? [undefined] : resolved.accounts;
  return accounts.map((account) => commandContextFor(context, resolved, account));
}
