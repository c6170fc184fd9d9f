import type { Json } from '../../chat/command/invocation.ts';
import { isVerbatim } from '../../chat/command/properties.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import type { ReadArguments } from '../../chat/command/read-arguments.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { faultsError } from '../../config/faults.ts';
import type { Fault, Places } from '../../config/faults.ts';
import { isEmoji, plainEmoji } from '../../core/emoji.ts';
import { UsageError } from '../../core/errors.ts';
import { parseUserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import { cut } from '../../core/text.ts';
import { fillIn } from '../../operations/answer/card.ts';
import { onAboutItem, serverOfItem } from '../../operations/at-homeserver.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import { substitute, whyMissing, wordsFor } from '../lines/placeholders.ts';
import {
  assertFlags,
  assertPossible,
  isSample,
  namedLine,
  readTemplate,
  sampleArguments,
  whyImpossible,
  whyImpossibleFor,
} from '../lines/template.ts';
import type { LineContext, LineTemplate } from '../lines/template.ts';
import { maxReactions } from './reactions.ts';

/** A reaction that cards offer, and the command line that it stands for. */
export interface CardAction {
  /** As the bot reacts with it. */
  readonly emoji: string;
  readonly template: LineTemplate;
  /** For the card's legend: `deactivate --erase`. */
  readonly label: string;
  /** False if it can't have an effect on any of the homeservers. Then no card offers it. */
  readonly isPossible: boolean;
}

/** The reactions about the report itself. No configuration changes them: the queue depends on them. */
export const reportReactions: ReadonlyMap<string, string> = new Map([
  ['🙋', 'claim'],
  ['🗑', 'dismiss'],
  ['✅', 'resolve'],
]);

/** The actions that cards offer unless `reports.actions` says otherwise. */
export const defaultActions: ReadonlyMap<string, string> = new Map([
  ['👻', 'shadow-ban'],
  ['🔨', 'deactivate'],
  ['🙈', 'redact'],
]);

const maxActions = maxReactions - reportReactions.size;

/** What a line may leave out, because the card's report fills it in. */
const fillable = Object.keys(sampleArguments) as (keyof typeof sampleArguments)[];
/** Nobody attaches a file to a reaction, and what can hit anybody is typed on purpose. */
const forbiddenFlags: ReadonlySet<string> = new Set([
  'override-protection',
  'from-file',
  'matching',
  'at',
  'with-children',
]);
/** Longer labels would fill the legend. */
const maxLabel = 30;

/**
 * The actions of a configuration: the defaults with what `reports.actions` adds, replaces and removes.
 *
 * @param configured for each emoji a command line; `off` or nothing removes an action
 * @param context `places`: the lines of the configuration file, for error messages
 * @throws SetupError with one line for each fault
 */
export function createCardActions(
  configured: Readonly<Record<string, string | null>>,
  context: LineContext & { readonly places?: Places | undefined },
): CardAction[] {
  const faults: Fault[] = [];
  const actions = new Map<string, CardAction>();
  for (const [emoji, text] of defaultActions) {
    actions.set(emoji, readAction(emoji, text, context, { isDefault: true }));
  }
  const keys = new Map<string, string>();
  for (const [key, text] of Object.entries(configured)) {
    const plain = plainEmoji(key);
    const fault = (message: string) => faults.push({ path: ['reports', 'actions', key], message });
    const message = keyFault(key, keys.get(plain));
    if (message !== undefined) {
      fault(message);
      continue;
    }
    keys.set(plain, key);
    const line = (text ?? '').trim();
    if (line === '' || line === 'off') {
      actions.delete(plain);
      continue;
    }
    try {
      actions.set(plain, readAction(key, line, context, { isDefault: false }));
    } catch (error) {
      if (!(error instanceof UsageError)) {
        throw error;
      }
      fault([error.message, error.advice].filter(Boolean).join(' '));
    }
  }
  if (actions.size > maxActions) {
    faults.push({
      path: ['reports', 'actions'],
      message: `a card offers at most ${maxActions} actions, and with the defaults these are ${actions.size}. Remove one, for example with 👻: off`,
    });
  }
  if (faults.length > 0) {
    throw faultsError(context.places, faults);
  }
  return [...actions.values()];
}

/** @param same another key for the same reaction */
function keyFault(key: string, same: string | undefined): string | undefined {
  if (!isEmoji(key)) {
    return 'must be one emoji';
  }
  const own = reportReactions.get(plainEmoji(key));
  if (own !== undefined) {
    return `always stands for ${own}. Choose another emoji`;
  }
  return same === undefined ? undefined : `is the same reaction as ${same}`;
}

/** @throws UsageError it can't be the line of an action */
function readAction(
  emoji: string,
  text: string,
  context: LineContext,
  { isDefault }: { readonly isDefault: boolean },
): CardAction {
  const { prefix } = context;
  const line = namedLine(text.startsWith(prefix) ? text.slice(prefix.length) : text, context);
  if (!isDefault) {
    assertPossible(line.command, context);
  }
  assertFlags(line.tokens, forbiddenFlags, 'Actions on cards');
  const { template, read } = readTemplate(line, fillable, context);
  if (template.placeholders.size === 0 && template.filledIn.size === 0) {
    throw new UsageError(`\`${line.command.name}\` has nothing to do with the report.`, {
      advice: 'Use `{sender}`, `{event}`, `{room}`, `{reporter}` or `{report}`.',
    });
  }
  return {
    emoji,
    template,
    label: labelOf(template, read),
    isPossible: whyImpossible(line.command, context) === undefined,
  };
}

/** The line without what the report fills in, and without its reason. */
function labelOf({ command }: LineTemplate, { values, forMs }: ReadArguments): string {
  const own = Object.entries(values).filter(([, value]) => !isSample(value));
  const line = writeInvocation(command, {
    arguments: Object.fromEntries(own) as Record<string, Json>,
    dryRun: false,
    ...present({ forMs }),
  });
  return cut(line, maxLabel);
}

const whyNotFilledIn: Readonly<Partial<Record<keyof typeof sampleArguments, string>>> = {
  account: whyMissing.sender,
  user: whyMissing.sender,
  target: whyMissing.sender,
  room: whyMissing.room,
  event: whyMissing.event,
  media: 'the message has no file',
};

/**
 * Why an action can't be done about a report, as a clause; undefined if it can. Whether somebody counts as its
 * reporter is not looked at: nearly every report has one.
 */
export function whyNotAbout(
  { template: { placeholders, filledIn } }: CardAction,
  item: ReportItem,
): string | undefined {
  const words = wordsOf(item, undefined);
  const missing = [...placeholders].find(
    (name) => name !== 'reporter' && words[name] === undefined,
  );
  if (missing !== undefined) {
    return whyMissing[missing];
  }
  const value = fillIn(item);
  const kind = [...filledIn].find((one) => value(one) === undefined);
  return kind === undefined
    ? undefined
    : (whyNotFilledIn[kind] ?? 'the report lacks what it needs');
}

/** Whether an action can have an effect on the homeserver of the account that it acts on. */
export function isPossibleAbout({ template }: CardAction, item: ReportItem): boolean {
  // Who reports something has an account on the homeserver that is asked for the report.
  const user = template.placeholders.has('reporter') ? undefined : parseUserId(item.sender ?? '');
  return whyImpossibleFor(template, user, item) === undefined;
}

/**
 * The command line of an action about a report, without prefix. What the template leaves out is still left
 * out: the report fills it in when the line is read, and the audit log says so.
 *
 * @param about.reporter who reported it last, other than the sender
 * @throws UsageError the report lacks a value, or the line can't be read with its values
 */
export function actionLine(
  { template: { text, command, tokens, placeholders, context } }: CardAction,
  item: ReportItem,
  about: { readonly reporter: string | undefined; readonly now: number },
): string {
  const isRead = isVerbatim(command);
  if (placeholders.size === 0 && !isRead) {
    return text;
  }
  const words = wordsOf(item, about.reporter);
  const missing = [...placeholders].find((name) => words[name] === undefined);
  if (missing !== undefined) {
    throw new UsageError(
      missing === 'reporter'
        ? 'Nobody but the sender has reported it.'
        : `\`{${missing}}\` can’t be filled in: ${whyMissing[missing]}.`,
    );
  }
  const { serverName, homeservers = [] } = context;
  const settings = { homeservers };
  const { values, filledIn, reason, forMs, notBefore, dryRun, ...given } = readArguments(
    command,
    substitute(tokens, words),
    {
      ...context,
      serverName: serverOfItem({ settings }, item) ?? serverName,
      now: about.now,
      fillIn: fillIn(item),
    },
  );
  const on = onAboutItem({ settings }, { command, values, on: given.on }, item);
  // In front of a text that is kept as it is, what is left out may be taken for the first word of it.
  const written = Object.entries(values).filter(([key]) => isRead || !filledIn.includes(key));
  return writeInvocation(command, {
    arguments: Object.fromEntries(written) as Record<string, Json>,
    dryRun,
    ...present({ reason, on, forMs, notBefore }),
  });
}

function wordsOf({ id, kind, subject, sender, roomId }: ReportItem, reporter: string | undefined) {
  const event = kind === 'event' ? subject : null;
  return wordsFor({ item: id, sender, room: roomId, event, reporter });
}
