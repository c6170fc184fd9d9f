import { stringify } from 'csv-stringify/sync';
import PQueue from 'p-queue';

import { accountStateShort, nameAndId } from '../../chat/answers/account.ts';
import { code, facts, line } from '../../chat/answers/answer.ts';
import type { AnswerFile, Block, Inline } from '../../chat/answers/answer.ts';
import { ago, count, dateTime, span, whole } from '../../chat/answers/phrases.ts';
import { flagName } from '../../chat/command/arguments.ts';
import type { Context } from '../../chat/command/declaration.ts';
import type { LeftOut } from '../../chat/command/invocation.ts';
import { subjectOf } from '../../chat/command/properties.ts';
import { writeValue } from '../../chat/command/write-invocation.ts';
import { writeDuration } from '../../core/duration.ts';
import { TargetError } from '../../core/errors.ts';
import { localpartOf, serverNameOf } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import { commonStart } from '../../core/text.ts';
import type { Account } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import { timersOf } from '../execute/timers.ts';
import { nothingToDo } from '../resolve/nothing-to-do.ts';
import { narrow } from '../stages.ts';
import type { Resolved, Shown } from '../stages.ts';
import { firstOf, maxNamedFirst } from './first-names.ts';
import { leftOutBlocks, leftOutText, maxNamed, maxShown, skippedBlocks } from './left-out.ts';

/** If there are more accounts than this, the command describes only the first. */
const maxDescribed = 100;
/** How many previews are made at the same time. */
const concurrency = 4;
const yearMs = 31_557_600_000;

/** What making a preview of several accounts needs. */
interface AccountsPreviewContext {
  readonly store: Pick<Store, 'timers'>;
  now(): number;
}

/**
 * What a person is shown before a command is carried out for several accounts. Those that need nothing done are
 * left out.
 *
 * @throws TargetError none of them needs anything done
 */
export async function previewOfAccounts(
  context: AccountsPreviewContext,
  resolved: Resolved,
  commandContexts: readonly Context[],
): Promise<Shown> {
  const { warning } = resolved.command;
  const show = async (at: number, isBrief: boolean) =>
    describe(context, resolved, commandContexts[at], resolved.accounts[at], isBrief);
  // A long list is summarized. If the warning of the command follows from its arguments, it describes no
  // account. Otherwise the warning comes from the first account that needs something done, and of a very long list
  // none is described after that one.
  const shown: (AccountPreview | LeftOut)[] = [];
  if (warning === undefined && commandContexts.length > maxDescribed) {
    while (shown.length < maxDescribed && !shown.some((one) => 'facts' in one)) {
      shown.push(await show(shown.length, false));
    }
  }
  const isBrief = commandContexts.length > maxShown && (warning !== undefined || shown.length > 0);
  const queue = new PQueue({ concurrency });
  const rest = await queue.addAll(
    commandContexts
      .slice(shown.length)
      .map((_, at) => async () => show(shown.length + at, isBrief)),
  );
  const previews = [...shown, ...rest];
  const found = previews.flatMap((one) => ('facts' in one ? [one] : []));
  const leftOut = [...resolved.leftOut, ...previews.flatMap((one) => ('why' in one ? [one] : []))];
  if (found.length === 0) {
    throw new TargetError('state', leftOutText(leftOut), 'Nothing was changed.');
  }
  const narrowed = narrow(
    resolved,
    found.map(({ account }) => account),
    leftOut,
  );
  return {
    ...previewOfSeveral(context.now(), narrowed, found),
    resolved: narrowed,
  };
}

interface AccountPreview {
  readonly account: Account;
  /** What sets this account apart. */
  readonly facts: readonly string[];
  readonly numbers?: Readonly<Record<string, number>> | undefined;
  readonly warning: string | undefined;
}

async function describe(
  context: Pick<AccountsPreviewContext, 'store'>,
  resolved: Resolved,
  commandContext: Context | undefined,
  account: Account | undefined,
  isBrief: boolean,
): Promise<AccountPreview | LeftOut> {
  if (commandContext === undefined || account === undefined) {
    throw new TypeError('several targets without accounts');
  }
  const { command, invocation } = resolved;
  const idle = nothingToDo(command, account, invocation.arguments);
  // If a timer ends this state, the command still changes how long it lasts.
  if (
    idle !== undefined &&
    (await timersOf(context.store.timers, resolved, account.name)).length === 0
  ) {
    return { user: account.name, why: idle };
  }
  if (isBrief) {
    return { account, facts: [], warning: command.warning?.(invocation.arguments) };
  }
  try {
    const preview = await command.preview?.(commandContext);
    return {
      account,
      facts: preview?.facts ?? [],
      numbers: preview?.numbers,
      warning: preview?.warning,
    };
  } catch (error) {
    if (error instanceof TargetError && error.code === 'state') {
      return { user: account.name, why: error.message.replace(`${account.name} `, '') };
    }
    throw error;
  }
}

function previewOfSeveral(
  now: number,
  resolved: Resolved,
  previews: readonly AccountPreview[],
): Omit<Shown, 'resolved'> {
  const { command, invocation, leftOut } = resolved;
  const verb = command.inBatch?.(invocation.arguments) ?? capital(command.name);
  const warning = previews[0]?.warning;
  const isLong = previews.length > maxShown;
  const isShort = previews.length <= maxNamedFirst;
  const named = previews.filter(({ account }) => standsOut(account, now).length > 0);
  return {
    preview: {
      title: [`${verb} ${count(previews.length, 'account')}?`],
      body: [
        isShort ? list(previews, now) : line(firstOf(previews.map(({ account }) => account.name))),
        ...matchingBlocks(resolved),
        ...skippedBlocks(resolved),
        ...given(resolved),
        ...planBlocks(resolved, previews),
        ...(isLong
          ? [
              ...serverBlocks(previews),
              inCommon(previews, now),
              ...(named.length === 0
                ? []
                : [
                    line(`Check these first${more(named.length)}:`),
                    list(named.slice(0, maxNamed), now),
                  ]),
              line('The file contains the whole list.'),
            ]
          : isShort
            ? []
            : [list(previews, now)]),
        ...(command.ignoredByServices === true ? serviceBlocks(previews) : []),
        ...uncheckedBlocks(previews),
        ...leftOutBlocks(leftOut),
      ],
      ...present({ warning }),
    },
    ...(isLong || leftOut.length > maxNamed ? { file: fileOf(previews, leftOut, now) } : {}),
  };
}

function serviceBlocks(previews: readonly AccountPreview[]): Block[] {
  const found = previews.filter(({ account }) => account.appserviceId !== null).length;
  return found === 0
    ? []
    : [
        line(
          `This has no effect on ${count(found, 'account')} of application services. Only suspend does.`,
        ),
      ];
}

/** Says how many accounts may belong to a bridge or another service, because that was not checked. */
function uncheckedBlocks(previews: readonly AccountPreview[]): Block[] {
  const unknown = previews.filter(({ account }) => account.listed === 'unchecked').length;
  return unknown === 0
    ? []
    : [
        line(
          `I did not check whether ${count(unknown, 'account')} belong to application services.`,
        ),
      ];
}

/** The filters that found the accounts, with absolute times. */
function matchingBlocks({ invocation: { matching } }: Resolved): Block[] {
  return matching === undefined ? [] : [facts(['Matching: ', code(matching)])];
}

function more(found: number): string {
  return found > maxNamed ? ` (${maxNamed} of ${found})` : '';
}

function list(previews: readonly AccountPreview[], now: number): Block {
  return {
    kind: 'list',
    items: previews.map(({ account, facts: own }): Inline[] => {
      const state = accountStateShort(account);
      const reasons = standsOut(account, now);
      return [
        ...nameAndId(account),
        ...[
          ...(state === 'active' ? [] : [state]),
          ...reasons.filter((reason) => !state.includes(reason)),
          ...(account.creationTs === null
            ? []
            : [`registered ${span(now - account.creationTs)} ago`]),
          ...own,
        ].map((fact) => ` · ${fact}`),
      ];
    }),
  };
}

/** Why somebody should check this account before they treat it like the others. */
function standsOut(account: Account, now: number): string[] {
  return [
    account.admin ? 'server admin' : '',
    account.appserviceId === null ? '' : `application service ${account.appserviceId}`,
    account.userType === null ? '' : `type ${account.userType}`,
    account.creationTs !== null && now - account.creationTs > yearMs ? 'old account' : '',
  ].filter((reason) => reason !== '');
}

/** At most this many servers are named. */
const maxServers = 5;

/** `On example.com: 200 · on work.example.org: 150`, if the accounts are not all on one server. */
function serverBlocks(previews: readonly AccountPreview[]): Block[] {
  const numbers = [...Map.groupBy(previews, ({ account }) => serverNameOf(account.name) ?? '')].map(
    ([name, { length }]) => ({ name, length }),
  );
  const left = numbers.slice(maxServers);
  return numbers.length < 2
    ? []
    : [
        facts(
          ...numbers
            .slice(0, maxServers)
            .map(({ name, length }, at) => [
              at === 0 ? 'On ' : 'on ',
              code(name),
              `: ${whole(length)}`,
            ]),
          left.length > 0 &&
            `on ${count(left.length, 'other server')}: ${whole(left.reduce((sum, { length }) => sum + length, 0))}`,
        ),
      ];
}

/** `Typical: registered 3 hours ago · all between 2 days and 1 hour ago · names start with spam` */
function inCommon(previews: readonly AccountPreview[], now: number): Block {
  const times = previews
    .flatMap(({ account }) => account.creationTs ?? [])
    .toSorted((a, b) => a - b);
  const ages = [times[0], times[Math.floor(times.length / 2)], times.at(-1)].map((at) =>
    at === undefined ? 'at an unknown time' : ago(at, now),
  );
  const [oldest = '', typical = '', newest = ''] = ages;
  const start = commonStart(previews.map(({ account }) => localpartOf(account.name)));
  const neverSeen = previews.filter(({ account }) => account.lastSeenTs === null).length;
  return facts(
    `Typical: registered ${typical}`,
    oldest !== newest && `oldest ${oldest}, newest ${newest}`,
    start.length >= minCommonStart && ['all names start with ', code(start)],
    neverSeen > 0 &&
      `${neverSeen === previews.length ? 'none' : count(neverSeen, 'account')} ${neverSeen === previews.length ? 'was ever seen' : 'never seen'}`,
  );
}

/** Fewer letters than this are in common by chance. */
const minCommonStart = 3;

/** What applies to all the accounts, as it was understood: the flags, and a room, for example. */
function given({ command, invocation }: Resolved): Block[] {
  const subject = subjectOf(command);
  const parts = Object.entries(command.args).flatMap(([key, { place, kind, fallback }]) => {
    const value = invocation.arguments[key];
    const isEmpty = Array.isArray(value) && value.length === 0;
    if (place === 'positional') {
      return key === subject || value === undefined || isEmpty
        ? []
        : [`${key} ${named([value].flat().map((one) => writeValue(kind, one)))}`];
    }
    if (value === undefined || value === fallback || isEmpty) {
      // A time is shown even if it is the default.
      if (kind !== 'date' || value === undefined) {
        return [];
      }
    }
    const name = `--${flagName(key)}`;
    return kind === 'boolean'
      ? [value === true ? name : `--no-${flagName(key)}`]
      : [`${name} ${kind === 'date' ? dateTime(Number(value)) : writeValue(kind, value ?? null)}`];
  });
  const all = [
    ...parts,
    ...(invocation.forMs === undefined ? [] : [`--for ${writeDuration(invocation.forMs)}`]),
    ...(invocation.overrideProtection === true ? ['--override-protection'] : []),
  ];
  return all.length === 0 ? [] : [facts(...all.map((part) => [code(part)]))];
}

/** At most this many values of an argument are shown. */
const maxValues = 5;

/** `!a:x !b:x and 58 more` */
function named(values: readonly string[]): string {
  const more = values.length - maxValues;
  return more > 1
    ? `${values.slice(0, maxValues).join(' ')} and ${whole(more)} more`
    : values.join(' ');
}

/** What is done and what is not. */
function planBlocks(
  { command, invocation: { arguments: args } }: Resolved,
  previews: readonly AccountPreview[],
): Block[] {
  const sums = sumsOf(previews);
  const plan = command.plan?.(args, sums);
  return plan === undefined
    ? [...promises('Will', command.does, args), ...promises('Will not', command.doesNot, args)]
    : [
        line(
          `For each account, in this order${sums === undefined ? '' : ' (the numbers are totals)'}:`,
        ),
        { kind: 'list', items: plan.does.map((phrase) => [phrase]) },
        line('Will not:'),
        { kind: 'list', items: plan.doesNot.map((phrase) => [phrase]) },
      ];
}

/** The numbers of all previews, added up; undefined if some have none. */
function sumsOf(previews: readonly AccountPreview[]): Record<string, number> | undefined {
  const sums: Record<string, number> = {};
  for (const { numbers } of previews) {
    if (numbers === undefined) {
      return undefined;
    }
    for (const [name, number] of Object.entries(numbers)) {
      sums[name] = (sums[name] ?? 0) + number;
    }
  }
  return sums;
}

/** What the command's declaration says about it, without the effects of flags that were not given. */
function promises(
  what: string,
  sentences: readonly string[] | undefined,
  args: Readonly<Record<string, unknown>>,
): Block[] {
  const fitting = (sentences ?? []).flatMap((sentence) => {
    const [, flag, rest] = /^with --([\w-]+): (.*)$/u.exec(sentence) ?? [];
    if (flag === undefined || rest === undefined) {
      return [sentence];
    }
    const isGiven = Object.entries(args).some(([key, value]) => flagName(key) === flag && value);
    return isGiven ? [rest] : [];
  });
  return fitting.length === 0 ? [] : [line(`${what}: ${fitting.join('; ')}`)];
}

function fileOf(
  previews: readonly AccountPreview[],
  leftOut: readonly LeftOut[],
  now: number,
): AnswerFile {
  const rows = [
    ...previews.map(({ account, facts: own }) => ({
      user_id: account.name,
      displayname: account.displayname ?? '',
      state: accountStateShort(account),
      registered: account.creationTs === null ? '' : new Date(account.creationTs).toISOString(),
      stands_out: standsOut(account, now).join(', '),
      details: own.join(', '),
      left_out: '',
    })),
    ...leftOut.map(({ user, why }) => ({ user_id: user, left_out: why })),
  ];
  return {
    name: 'accounts.csv',
    contentType: 'text/csv',
    content: stringify(rows, {
      header: true,
      columns: [
        'user_id',
        'displayname',
        'state',
        'registered',
        'stands_out',
        'details',
        'left_out',
      ],
      escape_formulas: true,
    }),
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
