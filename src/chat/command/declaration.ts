import type { UserId } from '../../core/ids.ts';
import type { Account, AccountTraits, Services } from '../../services/services.ts';
import type { Absent } from '../answers/absent.ts';
import type { Answer, Preview } from '../answers/answer.ts';
import type { HomeserverName, ReadingContext } from '../reading/values.ts';
import type { Arguments, ParsedArguments, RunArguments } from './arguments.ts';
import type { Actor, Invocation, LeftOut, Origin } from './invocation.ts';

export const roles = ['viewer', 'moderator', 'admin'] as const;
export type Role = (typeof roles)[number];

/**
 * How much harm a command can do: it changes nothing (`read`), it does no lasting harm (`change`), it
 * destroys something (`destructive`), or it gives power over the server (`critical`). The last two ask
 * for confirmation. Whether a change can be reversed is another question: see `reversible`.
 */
export type Danger = (typeof dangers)[number];
/** The least dangerous first. */
export const dangers = ['read', 'change', 'destructive', 'critical'] as const;

export const groups = {
  accounts: 'Accounts',
  devices: 'Devices and sessions',
  media: 'Media',
  rooms: 'Rooms',
  reports: 'Reports',
  notes: 'Notes and tags',
  server: 'Server',
  bot: 'This bot',
} as const;
export type Group = keyof typeof groups;

/** What a command gets to work with. */
export interface Context<Declared extends Arguments = Arguments> {
  readonly args: RunArguments<Declared>;
  readonly reason: string | undefined;
  readonly actor: Actor;
  readonly origin: Origin;
  readonly invocation: Invocation;
  /** The arguments as they were typed, if `spellOut` has just replaced some. Known only to previews. */
  readonly typed?: Invocation['arguments'];
  /**
   * For requests that Synapse or the client-server API does at most once for each transaction ID. It is the
   * same for the same account of the same command message, also after a restart. A command that makes several
   * such requests appends a number.
   */
  readonly transactionId: string;
  readonly services: Services;
  /** The users and rooms that a read-only command asks about and that this server does not have. */
  readonly absent: readonly Absent[];
  readonly registry: Registry;
  /** The sender's role, for answers that leave out what the sender may not do. */
  readonly role: Role;
  readonly prefix: string;
  /** The bot's own account. */
  readonly botUser: UserId;
  /** Of this homeserver. */
  readonly serverName: string;
  /** All that the bot moderates; the first is where the management room is. */
  readonly homeservers: readonly HomeserverName[];
  readonly now: number;
  /**
   * SHA-256 sums of files that protected accounts have uploaded: Synapse quarantines equal files together.
   * Empty if the protection is overridden.
   */
  protectedHashes(): Promise<ReadonlySet<string>>;
  /** Whether files of this user must be left alone. If the protection is overridden, only the bot's. */
  isProtected(user: UserId): Promise<boolean>;
  /** The number of its audit entry; undefined if nothing is carried out. */
  readonly audit?: number;
  /** For `reconcile`: the ID of the homeserver's own job, if it is known. */
  readonly serverJob?: string;
  /**
   * Stores the ID of the homeserver's own job as soon as it is known, so that the job is found again after a
   * crash. Never throws. Undefined if nothing is carried out.
   */
  keepServerJob?(id: string): Promise<void>;
}

/** What spelling out the arguments of a command needs. */
interface SpellOutContext<Declared extends Arguments> {
  /** The accounts are found. */
  readonly args: ParsedArguments<Declared>;
  readonly services: Pick<Services, 'directRooms' | 'rooms' | 'sanctions'>;
}

/** What the arguments of a command stand for. */
interface SpelledOut<Given> {
  /** Those that are replaced. */
  readonly args: Given;
  /** What was named, or is meant by what was named, and is not acted on. */
  readonly leftOut?: readonly LeftOut[];
}

/** What checking the arguments of a command needs. */
export interface CheckContext extends Pick<ReadingContext, 'now' | 'prefix'> {
  /** Whether accounts come from a search or a file: the arguments don't hold them yet. */
  readonly isSearched?: boolean;
}

/** What a command does and doesn't do to each of several accounts, in phrases. */
export interface Plan {
  /** One phrase for each step, in their order. */
  readonly does: readonly string[];
  /** The most important first. */
  readonly doesNot: readonly string[];
}

/** Why a command can't have an effect, as a sentence without a full stop, and what to do instead. */
export interface Impossible {
  readonly why: string;
  readonly advice: string;
}

/**
 * What became of a call whose answer never came. If it is `unknown`, the bot can ask again later; if it is
 * `unknowable`, nobody will ever know.
 */
export type Reconciliation = 'done' | 'not_done' | 'unknown' | 'unknowable' | EndedJob;

/** A job of the homeserver's own that has ended without doing all that was asked for. */
export interface EndedJob {
  readonly ended: 'failed' | 'partial';
  /** Such as `Synapse gave up (500: …)`. */
  readonly why: string;
  /** What to do about it, in sentences. */
  readonly advice: string | undefined;
}

/**
 * Whether an invocation must not act on protected accounts and their files. `all_but_admins` is for what
 * concerns only server admins; `others` lets the person who asks do it to their own account and files, and to
 * the bot's.
 */
export type Protects = boolean | 'all_but_admins' | 'others';

/** For a command that may be used on protected accounts and their files, too. */
interface ProtectsNobody {
  /** Why it harms none of them: `it only lifts a restriction`. Help says so. */
  readonly nobody: string;
}

/** One of several things that a command does to an account, with an audit entry of its own. */
export interface Step<Declared extends Arguments = Arguments, Result = unknown> {
  /** Such as `suspend`. */
  readonly name: string;
  run(context: Context<Declared>): Promise<Result>;
  /** What was done, for the answer: `suspended`. */
  did(result: Result): string;
  /**
   * The answer if the operation consists of this step alone. Its status is how the step ended; by default, a
   * step with a server job is running, and every other is done.
   */
  answer?(context: Context<Declared>, result: Result): Answer;
  /** Whether it had nothing to do, because everything was done already. */
  wasSo?(result: Result): boolean;
  /** What was not done, although the rest was: `3 files are left`. */
  missed?(result: Result): string | undefined;
  /**
   * The command line that reverses it exactly, without prefix and reason; undefined if there is none.
   * The context's account is as it was before the operation.
   */
  undo?(context: Context<Declared>, result: Result): string | undefined;
  /** What `run` gives if it is done: for `undo`, if the answer was lost in a crash. */
  resultIfDone?(context: Context<Declared>): Result;
  /** Doing it twice does no harm, so a call that was cut off and did not arrive is made again, once. */
  readonly repeats?: true;
  /**
   * The ID of the homeserver's own job that `run` has started. If it is still running, the operation waits for
   * its end with `reconcile`.
   */
  serverJob?(result: Result): string | undefined;
  reconcile(context: Context<Declared>): Promise<Reconciliation>;
}

interface Base<Declared extends Arguments> {
  readonly name: string;
  readonly aliases?: readonly string[];
  /**
   * What people type if they look for this command and don't know its name. A synonym never runs it: the
   * answer names the commands that may be meant, and `help` finds them.
   */
  readonly synonyms?: readonly string[];
  /** One line, beginning with a verb. */
  readonly summary: string;
  /**
   * For help and the guide: what it does, and what one might think it does. Here, in `effect` and in the
   * descriptions of arguments, commands are written as `!name`; the registry puts in the configured prefix.
   */
  readonly does?: readonly string[];
  readonly doesNot?: readonly string[];
  readonly args: Declared;
  /** A line that works, without the prefix. */
  readonly example: string;
  /** The endpoints it calls, for the guide. */
  readonly endpoints?: readonly string[];
  /** It lists what all homeservers have, and `--on` narrows that. No room or message says where to look. */
  readonly spansHomeservers?: true;
  /** It lists records about all homeservers, which `--on` could not narrow: it does not take that. */
  readonly withoutOn?: true;
  /**
   * For a command that starts others: what it changes, and who can use it for that. Help says so instead of
   * `Read-only`.
   */
  readonly effect?: string;
  /** The role that may use it, if its danger does not decide that. */
  readonly role?: Role;
  /**
   * Whether it refuses to act on the bot, server admins, moderators and configured users, and their files. By
   * default, destructive and critical invocations refuse. A command that can be a `change` must set this
   * itself if it acts on accounts or files.
   */
  readonly protects?:
    | Exclude<Protects, false>
    | ProtectsNobody
    | ((args: ParsedArguments<Declared>) => Protects);
  /** Its protection can't be overridden. */
  readonly alwaysProtects?: true;
  /**
   * It acts on the named file alone. By default, a file is also protected if it equals one of a protected
   * account, because Synapse quarantines equal files together.
   */
  readonly leavesEqualFiles?: true;
  /** If it is sent about a report, the report is resolved. */
  readonly resolvesReports?: true;
  /**
   * A read that the audit log records, because it shows what people wrote. Its entry is committed together
   * with its answer, so nobody sees the one without the other.
   */
  readonly audited?: true;
  /**
   * False if nothing reverses it, neither `undo` nor another command. It may still be harmless, such as
   * a message: then its danger is `change`, and it does not ask for confirmation.
   */
  readonly reversible?: false | undefined;
  /**
   * It can't be done for a limited time, although `undo` reverses it: its target has several of what it makes, each
   * with an end of its own.
   */
  readonly withoutEnd?: true;
  /** `undo` can't undo it, but this command, which takes the same targets, gives back a part. */
  readonly partlyUndoneBy?: string;
  /**
   * Its call sets a state, so a second one has no further effect. If a crash cuts off the calls for some of
   * several accounts, and they are known not to have arrived, the bot makes them again after it starts.
   */
  readonly repeats?: true;
  /** Synapse's list of accounts has all that it needs to know about an account, to do and undo it. */
  readonly knownFromList?: true;
  /** Its answer holds a secret, so it can't be scheduled for a time when nobody waits for the answer. */
  readonly answersSecret?: true;
  /** Why it can't have an effect on a homeserver like this, whoever the account is; undefined if it can. */
  impossible?(traits: AccountTraits): Impossible | undefined;
  /** It has no effect on users of application services; the preview of several accounts says so. */
  readonly ignoredByServices?: true;
  /** How a confirmation about several accounts starts: `Deactivate and erase`. Default: the name. */
  inBatch?(args: ParsedArguments<Declared>): string;
  /**
   * What a confirmation about several accounts says instead of `does` and `doesNot`.
   *
   * @param sums of the `numbers` of all previews; undefined unless every preview has them
   */
  plan?(args: ParsedArguments<Declared>, sums: Readonly<Record<string, number>> | undefined): Plan;
  /**
   * Why there is nothing to do about this account: `is already locked`. If it is named with others, it is
   * left out.
   */
  nothingToDo?(account: Account, args: ParsedArguments<Declared>): string | undefined;
  /**
   * What the preview warns of, whatever the account. If a command has this, nothing but `nothingToDo` can
   * speak against an account, so a long list of accounts is confirmed without a preview of each.
   */
  warning?(args: ParsedArguments<Declared>): string;
  /**
   * The arguments that say, with the target, what it changes, if the others only say how. `undo` then takes any later
   * change of the same for the newer one. By default, all say it.
   */
  readonly changes?: readonly (keyof Declared & string)[];
  readonly audit?: {
    /** Arguments that the audit log must not hold. */
    readonly redact: readonly (keyof Declared & string)[];
    /** What stands for the target in the audit log if the argument that names it must not. */
    target?(args: ParsedArguments<Declared>): string | undefined;
  };
  /**
   * Checks combinations of arguments, before anything is asked or recorded.
   *
   * @throws UsageError
   */
  check?(args: ParsedArguments<Declared>, context: CheckContext): void;
  /**
   * For a command that changes only the bot's own records: makes sure that there is something to change, before anything
   * is asked or recorded. A typing error is then no failed action of the audit log. Not called for what is scheduled for
   * later. `run` must check the same again.
   *
   * @throws TargetError
   */
  assertReady?(context: Context<Declared>): Promise<void>;
  /**
   * Checks whether what is done with these arguments can end after a time (`--for`), before anything is asked or
   * recorded. By default, it can.
   *
   * @throws UsageError
   */
  checkEnd?(args: ParsedArguments<Declared>): void;
  /**
   * Replaces arguments that stand for others, such as `--all-rooms`, by what they stand for now. What is shown,
   * confirmed and recorded is what they are replaced by. Undefined if there is nothing to replace. It is called
   * again before the operation starts, with what was confirmed.
   *
   * @throws TargetError they stand for nothing, or for too much
   */
  spellOut?(
    context: SpellOutContext<Declared>,
  ): Promise<SpelledOut<Partial<ParsedArguments<Declared>>> | undefined>;
}

/** A command that does one thing to each account. */
interface Single<Declared extends Arguments, Result> {
  readonly steps?: never;
  readonly stepsAreRooms?: never;
  readonly endsTogether?: never;
  /** Does it. Called once for each account. */
  run(context: Context<Declared>): Promise<Result>;
  answer(context: Context<Declared>, result: Result): Answer;
  /**
   * The command line that reverses it exactly, without prefix and reason; undefined if there is none.
   * The context's account is as it was before; `result` is what `run` gave, for what was before
   * and no account holds.
   */
  undo?(context: Context<Declared>, result: Result): string | undefined;
  /** Whether it had nothing to do. `undo` of what was done before does not take it for a newer decision. */
  wasSo?(result: Result): boolean;
  /**
   * The ID of the homeserver's own job that `run` has started (`delete_id`, `redact_id`, `purge_id`).
   * It is stored in the audit log with the outcome.
   */
  serverJob?(result: Result): string | undefined;
  /**
   * Asks the homeserver whether a call that was cut off has happened. After a crash, only the name of the
   * account is known.
   */
  reconcile?(context: Context<Declared>): Promise<Reconciliation>;
}

/** A command that does several things to each account. */
interface Stepped<Declared extends Arguments> {
  /** In this order. If a step fails, the others are still done. */
  steps(args: ParsedArguments<Declared>): readonly Step<Declared>[];
  /** Each step is the same in another room, whose ID is its name. */
  readonly stepsAreRooms?: true;
  /** It can be done for a time: then what all its steps have done is undone together. */
  readonly endsTogether?: true;
  readonly run?: never;
  readonly answer?: never;
  readonly undo?: never;
  readonly wasSo?: never;
  readonly serverJob?: never;
  readonly reconcile?: never;
}

interface Harmless<Declared extends Arguments> {
  readonly danger: 'read' | 'change';
  readonly maxDanger?: never;
  /** For a dry run, and if it asks all the same, because it concerns several accounts. */
  preview?(context: Context<Declared>): Promise<Preview>;
}

interface Confirmable<Declared extends Arguments> {
  readonly danger: 'destructive' | 'critical';
  readonly maxDanger?: never;
  /** What it would do, and to whom. Throws if something prevents it. */
  preview(context: Context<Declared>): Promise<Preview>;
}

interface Depends<Declared extends Arguments> {
  /**
   * For commands whose danger depends on their flags, and is least without any. Also called with only the
   * defaults.
   */
  readonly danger: (args: ParsedArguments<Declared>) => Danger;
  /** The most that `danger` returns, for help. */
  readonly maxDanger: Danger;
  preview(context: Context<Declared>): Promise<Preview>;
}

/** What can't be reversed has no `undo`. */
type Reversibility =
  | { readonly reversible?: undefined }
  | { readonly reversible: false; readonly undo?: undefined };

/** Everything that is declared about a command. */
type CommandDeclaration<Declared extends Arguments, Result> = Base<Declared> &
  (Single<Declared, Result> | Stepped<Declared>) &
  Reversibility &
  (Harmless<Declared> | Confirmable<Declared> | Depends<Declared>);

/** A command of unknown arguments and result. */
export type Command = Omit<
  Base<Arguments> & Single<Arguments, unknown>,
  | 'assertReady'
  | 'audit'
  | 'changes'
  | 'check'
  | 'checkEnd'
  | 'endsTogether'
  | 'inBatch'
  | 'nothingToDo'
  | 'plan'
  | 'protects'
  | 'spellOut'
  | 'steps'
  | 'stepsAreRooms'
  | 'warning'
> & {
  readonly stepsAreRooms?: true;
  readonly endsTogether?: true;
  assertReady?(context: Context): Promise<void>;
  spellOut?(
    context: SpellOutContext<Arguments>,
  ): Promise<SpelledOut<Readonly<Record<string, unknown>>> | undefined>;
  steps?(args: Readonly<Record<string, unknown>>): readonly Step[];
  nothingToDo?(account: Account, args: Readonly<Record<string, unknown>>): string | undefined;
  warning?(args: Readonly<Record<string, unknown>>): string;
  inBatch?(args: Readonly<Record<string, unknown>>): string;
  plan?(
    args: Readonly<Record<string, unknown>>,
    sums: Readonly<Record<string, number>> | undefined,
  ): Plan;
  check?(args: Readonly<Record<string, unknown>>, context: CheckContext): void;
  checkEnd?(args: Readonly<Record<string, unknown>>): void;
  readonly protects?:
    | Exclude<Protects, false>
    | ProtectsNobody
    | ((args: Readonly<Record<string, unknown>>) => Protects);
  readonly audit?: {
    readonly redact: readonly string[];
    target?(args: Readonly<Record<string, unknown>>): string | undefined;
  };
  readonly changes?: readonly string[];
  readonly danger: Danger | ((args: Readonly<Record<string, unknown>>) => Danger);
  readonly maxDanger?: Danger;
  preview?(context: Context): Promise<Preview>;
};

/** A command with the group of its folder. */
export type GroupedCommand = Command & { readonly group: Group };

/** What a word that doesn't name a command may mean: a mistyped name, or another word for commands. */
export interface Guess {
  readonly kind: 'typo' | 'synonym';
  /** One for a typo; the least dangerous first. */
  readonly commands: readonly Command[];
}

/** The commands by name and alias: `registry.ts` makes one. It is declared here because a `Context` has it. */
export interface Registry {
  readonly all: readonly GroupedCommand[];
  /** Full-width letters and capitals count as plain ones. */
  find(name: string): GroupedCommand | undefined;
  /** What an unknown name may have meant, if anything is similar. */
  guess(word: string): Guess | undefined;
}

/**
 * Declares a command. Each file in `commands/GROUP/` exports one as its default; the registry finds it.
 * A destructive command without a preview does not compile, nor does redacting an unknown argument.
 */
export function defineCommand<const Declared extends Arguments, Result>(
  declaration: CommandDeclaration<Declared, Result>,
): Command {
  const { name, steps } = declaration;
  const byStep = () => {
    throw new TypeError(`${name} is carried out step by step`);
  };
  // The reader produces exactly the arguments that the declaration's functions take.
  return (steps === undefined
    ? declaration
    : { ...declaration, run: byStep, answer: byStep }) as unknown as Command;
}
